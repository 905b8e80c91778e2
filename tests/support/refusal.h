/*
 * An allocator that can refuse: replaces that of the program whose test includes this, which one
 * file may do. Under ASan, which has an allocator of its own, nothing is refused.
 * SPDX-License-Identifier: MIT
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Under ASan nobody reads them. */
#define IDLE __attribute__((unused))

static IDLE long left = -1; /* allocations until one is refused; -1: none is */
static IDLE bool for_good;  /* it and all after it */
static IDLE bool refused;
static IDLE long live; /* allocations that were not given back */

#ifdef __SANITIZE_ADDRESS__
static void refusal_begin(void)
{
}
#else
/* glibc's own, behind the names that are defined here. */
extern void *__libc_malloc(size_t size);                /* NOLINT(bugprone-reserved-identifier) */
extern void *__libc_calloc(size_t count, size_t size);  /* NOLINT(bugprone-reserved-identifier) */
extern void *__libc_realloc(void *memory, size_t size); /* NOLINT(bugprone-reserved-identifier) */

/* The libraries are to find these, too. */
#define FOR_ALL __attribute__((visibility("default")))

static pthread_t tested;

/* To be called once, by the thread that is tested. */
static void refusal_begin(void)
{
    tested = pthread_self();
}

/* Only what the test's own thread asks for: a host name is looked up in another. */
static bool is_refused(void)
{
    if (left < 0 || !pthread_equal(tested, pthread_self()) || left-- > 0)
        return false;
    left = for_good ? 0 : -1;
    refused = true;
    errno = ENOMEM;
    return true;
}

extern void __libc_free(void *memory); /* NOLINT(bugprone-reserved-identifier) */

static void *counted(void *memory)
{
    live += memory && pthread_equal(tested, pthread_self());
    return memory;
}

FOR_ALL void *malloc(size_t size)
{
    return is_refused() ? NULL : counted(__libc_malloc(size));
}

FOR_ALL void *calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : counted(__libc_calloc(count, size));
}

FOR_ALL void *realloc(void *memory, size_t size)
{
    if (is_refused())
        return NULL;
    return memory ? __libc_realloc(memory, size) : counted(__libc_malloc(size));
}

FOR_ALL void free(void *memory)
{
    live -= memory && pthread_equal(tested, pthread_self());
    __libc_free(memory);
}
#endif

#endif
