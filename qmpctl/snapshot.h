/*
 * A snapshot: the queries that tell the memory of a VM, and what becomes of their replies. Pure: it
 * says what to ask and is told the answers, in any order. SPDX: MIT
 */
#ifndef QMPCTL_SNAPSHOT_H
#define QMPCTL_SNAPSHOT_H

#include "error.h"
#include "memory.h"
#include "qmpclient.h"

struct snapshot;

struct snapshot_query {
    const char *command;
    const json_t *arguments; /* owned by the snapshot; NULL: none */
};

/* NULL: out of memory. version is copied. */
struct snapshot *snapshot_new(const struct qmp_version *version);
void snapshot_free(struct snapshot *snapshot);

/* The next query to send and its index, or NULL while nothing more can be asked. Later answers can
 * bring further queries. */
const struct snapshot_query *snapshot_next(struct snapshot *snapshot, size_t *index);

/* The answer to query index: a value (borrowed), or NULL where QEMU answered with an error. */
void snapshot_answer(struct snapshot *snapshot, size_t index, json_t *value);

/* All that was asked is answered, and nothing is left to ask. */
bool snapshot_is_complete(const struct snapshot *snapshot);

/* The model, for the caller to free; NULL with *error set where the replies do not make one. */
struct memory *snapshot_memory(struct snapshot *snapshot, struct error *error);

#endif
