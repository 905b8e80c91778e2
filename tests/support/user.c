#include "user.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

static bool is_ordinary;

void user_set_ordinary(bool ordinary)
{
    is_ordinary = ordinary;
}

bool user_differs(void)
{
    return is_ordinary && geteuid() == 0;
}

void user_become(void)
{
    if (user_differs() && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        _exit(126);
}

void user_give(const char *folder)
{
    if (user_differs())
        assert_int_equal(chown(folder, NOBODY, NOBODY), 0);
}
