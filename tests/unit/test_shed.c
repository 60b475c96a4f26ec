/* Pages that the start of a process touched. */
#include "common/base/shed.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096, PAGES = 16 };

/* A fault maps its neighbours, too, up to 64 KiB that are aligned: what is looked at has such on
 * both sides, which nothing else is in. */
static const char s_constant[3 * PAGES * PAGE] = {1};
static char s_written[PAGES * PAGE] = {1};

static const volatile char *s_middle(void)
{
    uintptr_t window = PAGES * PAGE, at = (uintptr_t)s_constant;
    return (const volatile char *)((at + window - 1) / window * window);
}

/* How many of the pages are mapped now: bit 63 of their words in pagemap (proc(5)). */
static unsigned s_present(const volatile char *at)
{
    uint64_t word[PAGES];
    unsigned count = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY);
    assert_int_equal(pread(fd, word, sizeof word, (off_t)((uintptr_t)at / PAGE * sizeof *word)),
                     sizeof word);
    close(fd);
    for (unsigned i = 0; i < PAGES; i++)
        count += word[i] >> 63;
    return count;
}

static void s_touch(const volatile char *at, char expected)
{
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(at[i * PAGE], expected);
}

static void test_gives_back_what_is_in_a_file(void **state)
{
    (void)state;
    const volatile char *at = s_middle();
    s_touch(at, 0);
    assert_int_equal(s_present(at), PAGES);
    shed_pages();
    assert_int_equal(s_present(at), 0);
    s_touch(at, 0);
}

static void test_keeps_what_was_written(void **state)
{
    (void)state;
    memset(s_written, 'b', sizeof s_written);
    shed_pages();
    s_touch(s_written, 'b');
}

/* No object of the linker: its address may be another's by the time it is given back. */
static void test_keeps_what_is_not_of_the_program(void **state)
{
    (void)state;
    int fd = open("/proc/self/exe", O_RDONLY);
    assert_true(fd >= 0);
    char *at = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    close(fd);
    assert_int_equal(s_present(at), PAGES);
    shed_pages();
    assert_int_equal(s_present(at), PAGES);
    munmap(at, PAGES * PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_back_what_is_in_a_file),
        cmocka_unit_test(test_keeps_what_was_written),
        cmocka_unit_test(test_keeps_what_is_not_of_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
