/* A cgroup with a limit, made for a test. SPDX: MIT */
#ifndef LAB_CGROUPS_H
#define LAB_CGROUPS_H

#include <sys/types.h>

enum cgroup_limit { CGROUP_MEMORY, CGROUP_MEMORY_HIGH, CGROUP_HUGETLB_2M };

/* One of our own with this limit in bytes, of version 1 or 2, as the host has it. Skips the test
 * where none may be made. memory.high, which only version 2 has, is made up over a real group where
 * version 1 has the memory: for the suite alone, and all of it free. At most one at a time. */
void cgroup_make(enum cgroup_limit kind, const char *bytes);
void cgroup_join(pid_t pid);
/* When its processes have ended; what was made is gone. Nothing where there is none. */
void cgroup_remove(void);

#endif
