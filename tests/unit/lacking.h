/* What a case needs of its machine and may lack, in the words of tests/system/harness/lacking.py,
 * which ./dev test lists at its end. */
#ifndef POSTERN_TEST_LACKING_H
#define POSTERN_TEST_LACKING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* Skips the case. WHAT: a row of docs/TESTING.md, with what gives it. */
static inline void lacking_skip(const char *what)
{
    printf("skipped: needs %s; docs/TESTING.md, Skipped tests\n", what);
    skip();
}

static inline void lacking_root(void)
{
    if (geteuid() != 0)
        lacking_skip("root (files of a second user)");
}

#endif
