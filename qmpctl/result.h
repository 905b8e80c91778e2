/* What an operation did, step by step: the one thing that printing reads. SPDX: MIT */
#ifndef QMPCTL_RESULT_H
#define QMPCTL_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "host/preflight.h"

enum step_action { STEP_PLUG, STEP_UNPLUG };

enum step_result {
    STEP_PLANNED,
    STEP_DONE,
    STEP_REFUSED, /* by the guest */
    STEP_TIMEOUT, /* the guest did not act in time */
    STEP_FAILED,  /* QEMU or the host could not */
    STEP_UNDONE   /* done, and taken back */
};

struct step {
    enum step_action action;
    enum step_result result;
    char id[256]; /* the device's id, or its QOM path */
    uint64_t size;
    int64_t node;        /* -1: not known any more */
    int64_t slot;        /* -1: QEMU chooses */
    char reason[768];    /* why it was planned, or why it fell short */
    char detail[320];    /* something to know although it is done */
    bool accepted_known; /* plug: accepted says whether the guest took it */
    bool accepted;
    bool pending; /* unplug: the guest may still do it later */
    bool earlier; /* it was so before this command: not counted in the totals */
    double seconds;
    struct error error; /* of a step that fell short */
};

/* A backend that was left behind, and is deleted. */
struct cleaned {
    char id[256];
    uint64_t size; /* bytes */
};

struct result {
    uint64_t before, requested, after; /* totals of the VM, bytes */
    struct step *steps;
    size_t step_count;
    struct cleaned *cleaned;
    size_t cleaned_count;
    bool has_nearest, has_below, has_above;
    uint64_t below, above;
    bool uncertain;   /* after is what is known: nobody could look */
    bool complete;    /* the requested size was reached; with --nearest, the one taken instead */
    bool carried_out; /* what is still planned at the end was not begun */
    char note[512];   /* what the plan was made with, for people */
    struct preflight_report preflight; /* what the last plan that grows meets on the host */
    struct error error;                /* code 0: done */
};

/* A new zeroed step at the end, or NULL: out of memory. Earlier pointers become invalid. */
struct step *result_add(struct result *result);
/* Out of memory: it is not told of. */
void result_add_cleaned(struct result *result, const char *id, uint64_t size);
/* Drops the steps at the end that were planned and not begun. */
void result_drop_planned(struct result *result);
/* The total of the VM after the steps that are done. */
uint64_t result_after(const struct result *result);
/* The total that the steps from the first on lead to, beginning with this total. */
uint64_t result_planned(const struct result *result, size_t first, uint64_t total);
void result_free(struct result *result);
const char *step_result_name(enum step_result result);
const char *step_action_name(enum step_action action);

#endif
