/*
 * What the two halves of a snapshot share: snapshot.c decides what is asked and keeps the answers,
 * snapshot_read.c makes the model of them. Nobody else includes this. SPDX: MIT
 */
#ifndef QMPCTL_SNAPSHOT_ANSWERS_H
#define QMPCTL_SNAPSHOT_ANSWERS_H

#include "snapshot.h"

/* More rows than this is no QEMU (256 slots and a few virtio devices). */
#define ROWS_LIMIT 4096
/* Where QEMU keeps devices without id. */
#define ANONYMOUS "/machine/peripheral-anon"

enum query_id {
    QUERY_STATUS,
    QUERY_NAME,
    QUERY_UUID,
    QUERY_SIZES,
    QUERY_DEVICES,
    QUERY_BACKENDS,
    QUERY_OBJECTS,
    QUERY_PERIPHERALS,
    QUERY_MACHINE,
    QUERY_OSPM,
    QUERY_NUMA,
    QUERY_MIGRATION,
    QUERY_FIRST_ROUND,              /* how many are asked at once */
    QUERY_LATER = QUERY_FIRST_ROUND /* what the first answers give reason to ask */
};

struct asked {
    struct snapshot_query query;
    json_t *arguments, *value;
    const char *subject, *property; /* of later rounds: a backend, a device or NULL */
    bool sent, answered;
};

struct snapshot {
    struct qmp_version version;
    struct asked *asked;
    size_t count;
    unsigned round;
};

/* The type of the backend with this id, such as "ram", by the list of /objects; NULL: none that is
 * known. */
const char *snapshot_backend_type(const json_t *objects, const char *id);

/* The answer about this property of this subject (NULL: of whichever was asked); NULL: none. */
const json_t *snapshot_property(const struct snapshot *snapshot, const char *subject,
                                const char *property);

#endif
