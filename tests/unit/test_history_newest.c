/* A page that begins with the newest message: what is read for it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "journal_yard.h"
#include "workers/post/history.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COUNT = 20, LARGE = 100 << 10 };

/* COUNT messages of one target; number I says "number I", and is SIZE bytes long. */
static void s_fill(size_t size)
{
    journal_t *journal = s_open();
    char *body = malloc(size + 1);
    for (unsigned i = 1; i <= COUNT; i++) {
        journal_entry_t entry = {.record = {.op = 1, .flags = RECORD_MESSAGE, .id = s_uuid(i)}};
        journal_entry_t *list = &entry;
        int len = snprintf(body, size + 1, "{\"text\":\"number %u,", i);
        memset(body + len, 'x', size - (size_t)len - 2);
        memcpy(body + size - 2, "\"}", 2);
        entry.record.body = slice(body, size);
        entry.record.target = s_uuid(0);
        assert_int_equal(journal_append(journal, &list, 1, s_now), 1);
    }
    free(body);
    journal_close(&journal);
}

/* Changes a bit of every place that has TEXT. */
static void s_spoil(const char *text)
{
    char path[1100], *at;
    struct stat is;
    snprintf(path, sizeof path, "%s/data.mdb", s_path);
    int fd = open(path, O_RDWR);
    assert_int_equal(fstat(fd, &is), 0);
    size_t size = (size_t)is.st_size;
    char *file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(file != MAP_FAILED);
    for (at = file; (at = memmem(at, size - (size_t)(at - file), text, strlen(text)));)
        *at ^= 1;
    munmap(file, size);
    close(fd);
}

typedef struct {
    journal_t *journal;
    reading_t *reading;
} page_t;

static void s_look(void *arg)
{
    page_t *page = arg;
    history_look_newest(page->reading, journal_reader(page->journal));
}

/* Whether a page of LIMIT messages is made; it begins with the newest. */
static bool s_page(journal_t *journal, unsigned limit, const char *first, const char *next)
{
    wire_request_t request = {.principal = {.present = true, .target = s_uuid(0)}};
    job_t job = {.request = &request};
    page_t page = {journal, reading_new(&job)};
    page.reading->history.limit = limit;
    page.reading->history.since_ms = page.reading->history.until_ms = -1;
    bool made = journal_try(journal_reader(journal), s_look, &page);
    json_raw(&page.reading->body, slice("", 1));
    if (made) {
        const char *text = strstr(page.reading->body.data, "number ");
        assert_true(text && strncmp(text, first, strlen(first)) == 0);
        assert_non_null(strstr(page.reading->body.data, next));
    }
    reading_destroy(&page.reading);
    return made;
}

static void test_no_more_is_read_than_is_asked_for(void **state)
{
    (void)state;
    s_fill(40);
    journal_t *journal = s_open();
    assert_true(s_page(journal, COUNT, "number 20,", "\"next\":null"));
    s_spoil("number 17,");
    assert_true(s_page(journal, 1, "number 20,", "\"next\":20"));
    assert_true(s_page(journal, 3, "number 20,", "\"next\":18"));
    assert_false(s_page(journal, 4, "", ""));
    journal_close(&journal);
}

static void test_nor_much_more_than_a_page_holds(void **state)
{
    (void)state;
    s_fill(LARGE); /* ten of them make a page */
    journal_t *journal = s_open();
    assert_true(s_page(journal, COUNT, "number 20,", "\"next\":11"));
    s_spoil("number 8,");
    assert_true(s_page(journal, COUNT, "number 20,", "\"next\":11"));
    journal_close(&journal);
}

/* Where a sanitizer allocates, it counts. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t s_allocated(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
                                                   : mallinfo2().uordblks;
}

/* Takes the page on which a message lies out of the map. */
static bool s_take_page(void *arg, uint64_t log, const record_t *record)
{
    const uintptr_t page = (uintptr_t)record->body.data & ~(uintptr_t)4095;
    (void)arg, (void)log;
    assert_int_equal(mprotect((void *)page, 4096, PROT_NONE), 0);
    return false;
}

static void test_what_a_damaged_page_ends_keeps_no_memory(void **state)
{
    uuid_t7 target = s_uuid(0);
    journal_range_t range;
    (void)state;
    s_fill(LARGE);
    journal_t *journal = s_open();
    journal_read(journal_reader(journal), &target, 15, &range, s_take_page, NULL);
    assert_false(s_page(journal, COUNT, "", ""));
    size_t before = s_allocated();
    for (unsigned i = 0; i < 50; i++)
        assert_false(s_page(journal, COUNT, "", ""));
    assert_true(s_allocated() < before + LARGE);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_more_is_read_than_is_asked_for),
        TEST(nor_much_more_than_a_page_holds),
        TEST(what_a_damaged_page_ends_keeps_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
