/* Real hugepages for suites. SPDX: MIT */
#ifndef LAB_HUGEPAGES_H
#define LAB_HUGEPAGES_H

#include <stdbool.h>

/*
 * A cmocka group setup: waits until no other suite uses hugepages, and gives this process and its
 * children a mount table of their own in which no hugetlbfs is mounted. What the pools of 2M and 1G
 * pages were before comes back when the process ends, however it ends. Without the right to do so
 * (root), hugepages_require skips.
 */
int hugepages_setup(void **state);

/* Which pages all that follows is about: "2M", as in the beginning, or "1G". */
void hugepages_use(const char *pagesize);

/* Skips the test without that right. Else so many pages are free, and not one more. */
void hugepages_require(long pages);

/* Pages that nobody has or has reserved. */
long hugepages_free(void);
/* Waits until so many are free; fails after seconds. */
void hugepages_await_free(long pages, double seconds);

/* Mounts a hugetlbfs of that page size in a fresh folder; hugepages_unmount removes it. */
const char *hugepages_mount(void);
void hugepages_unmount(void);

/* Takes so many pages away, as another process may; hugepages_give gives them back. */
void hugepages_take(long pages);
void hugepages_give(void);

/* The end of a test: what is taken or mounted is not, and 2M pages are meant again. */
void hugepages_reset(void);

#endif
