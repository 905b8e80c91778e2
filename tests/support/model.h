/*
 * A VM as a model, against which a job is played without any I/O: what QEMU knows, what the guest
 * does and when, and what goes wrong, chosen by the caller one number at a time. Number 0 is what
 * happens on a good day. It watches what must hold whatever happens. For the test that plays every
 * choice, and for the fuzzer. SPDX: MIT
 */
#ifndef MODEL_H
#define MODEL_H

#include "job.h"

#define MODEL_DEVICES 8
#define MODEL_BASE    ((uint64_t)512 << 20)

struct model_device {
    char id[32], path[64], backend[40]; /* id empty: no device; backend empty: none */
    uint64_t size;
    int64_t slot;
    bool asked;     /* the guest has a request that it has not answered */
    bool fresh;     /* the guest has not said whether it accepts it */
    bool of_others; /* the request that it has is not ours: nor is it ours to clean up now */
    struct guest_answer answer, answer_when_asked;
};

/* What became of a device, whether it is there still or not. */
struct model_fate {
    char id[32];
    bool released, refused;
};

#define MODEL_FATES 32

struct model {
    struct job job;
    struct model_device devices[MODEL_DEVICES];
    struct model_fate fates[MODEL_FATES];
    struct memory memory; /* what the last snapshot showed; made of what follows */
    struct memory_device rows[MODEL_DEVICES];
    struct memory_backend backends[MODEL_DEVICES];
    struct model_device shown[MODEL_DEVICES]; /* as they were then: holds the names of the above */
    struct memory_node node;
    struct action action; /* what the job waits for */
    int64_t now;
    bool seen; /* a snapshot was taken */
    bool deaf; /* the connection is lost: no event comes until the next snapshot */
    bool interrupted, lost, unanswered, qemu_refused;
    int asked_state; /* of the job when it last sent device_del, and at which step */
    size_t asked_step;
    unsigned disconnects, finished;
    const char *broken; /* the rule that was; NULL: none */
};

/* Added to a size: the device has gone when nobody was connected, and its backend is there. */
#define MODEL_GONE ((uint64_t)1)
/* The guest has a request for it from before, and may grant it at any time. */
#define MODEL_PENDING ((uint64_t)2)

/* A VM with MODEL_BASE and devices of these sizes; change must stay valid. */
void model_init(struct model *model, const struct change *change, const uint64_t *sizes,
                size_t count);
void model_free(struct model *model);

/* How many things can happen now, 0 when the job has ended; and one of them does. */
unsigned model_choices(struct model *model);
void model_happen(struct model *model, unsigned choice);

/* After the end: what was told must be true. Sets broken. */
void model_judge(struct model *model);

#endif
