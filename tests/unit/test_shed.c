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

/* A file of a's, mapped for this process alone. */
static char *s_map(void)
{
    char path[] = TEST_DIR "/shed.XXXXXX", page[PAGE];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    memset(page, 'a', sizeof page);
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(write(fd, page, sizeof page), PAGE);
    char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    close(fd);
    return at;
}

/* How many of the pages are mapped now: bit 63 of their words in pagemap (proc(5)). */
static unsigned s_present(const char *at)
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

static void s_touch(const char *at, char expected)
{
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(((const volatile char *)at)[i * PAGE], expected);
}

static void test_gives_back_what_is_in_a_file(void **state)
{
    (void)state;
    char *at = s_map();
    assert_int_equal(mprotect(at, PAGES * PAGE, PROT_READ), 0);
    s_touch(at, 'a');
    assert_int_equal(s_present(at), PAGES);
    shed_pages();
    assert_int_equal(s_present(at), 0);
    s_touch(at, 'a');
    munmap(at, PAGES * PAGE);
}

/* As relocated data, which is made read-only behind that. */
static void test_keeps_what_was_written(void **state)
{
    (void)state;
    char *at = s_map();
    memset(at, 'b', PAGES * PAGE);
    assert_int_equal(mprotect(at, PAGES * PAGE, PROT_READ), 0);
    shed_pages();
    s_touch(at, 'b');
    munmap(at, PAGES * PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_back_what_is_in_a_file),
        cmocka_unit_test(test_keeps_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
