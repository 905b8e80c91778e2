/* Between JSON texts and QMP messages. Pure. SPDX: MIT */
#ifndef CODEC_H
#define CODEC_H

#include "qmpclient.h"

enum message_kind {
    MESSAGE_GREETING,
    MESSAGE_EVENT,
    MESSAGE_REPLY,   /* value */
    MESSAGE_FAILURE, /* error_class, desc */
    MESSAGE_OTHER,   /* JSON, but nothing that QMP knows: to be dropped */
    MESSAGE_CROWDED, /* more values than memory is to be spent on; it was not read */
    MESSAGE_BROKEN   /* no JSON: the stream cannot be trusted any more */
};

struct message {
    enum message_kind kind;
    json_t *root;  /* owns all below */
    json_t *value; /* of a reply */
    int64_t id;    /* of a reply or failure; -1: none, or none of ours */
    bool has_id;   /* of any kind */
    const char *error_class, *desc;
    struct qmp_event event;
    struct qmp_version version;
    bool oob; /* the greeting offers it */
};

void codec_decode(const char *text, size_t length, struct message *message);
void codec_message_free(struct message *message);

/*
 * A command as compact bytes with a line end, since QEMU pays for every byte. NULL with *error set
 * where QEMU's parser would not take it. id: not negative.
 */
char *codec_encode(const char *command, const json_t *arguments, int64_t id, bool oob,
                   size_t *length, struct qmp_error *error);

#endif
