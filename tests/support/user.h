/* Programs that a test runs as an ordinary user, also where root runs the test. SPDX: MIT */
#ifndef USER_H
#define USER_H

#include <stdbool.h>

/* What is run from now on, the lab's QEMUs included, is run by an ordinary user; false: by us. */
void user_set_ordinary(bool ordinary);

/* Whether that makes a difference. */
bool user_differs(void);

/* In a child, before it runs a program: becomes the user who is to run it. */
void user_become(void);

/* Gives a folder that we have made to that user. */
void user_give(const char *folder);

#endif
