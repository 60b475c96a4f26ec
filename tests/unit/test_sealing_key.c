/* A key that several processes share, whoever of them makes it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/store/sealing_key.h"
#include "scratch.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, ROUNDS = 20, PLAIN = 6, SEALED = PLAIN + SEALING_OVERHEAD };

static const sealing_key_file_t s_file = {
    .name = "key", .made = "key.made", .malformed = "holds no key"};
static char s_path[SCRATCH], s_key[SCRATCH + 8], s_err[256];

/* Each begins when all are there, and writes what it has sealed. */
static void s_make(int start, int out)
{
    char sealed[SEALED], byte;
    ssize_t got = read(start, &byte, 1);
    sealing_key_t *key = sealing_key_load(&s_file, s_key, NULL, s_err, sizeof s_err);
    if (!key || got != 0)
        _exit(1);
    sealing_key_seal(key, slice_of("secret"), sealed);
    _exit(write(out, sealed, sizeof sealed) == (ssize_t)sizeof sealed ? 0 : 1);
}

static void s_make_at_once(void)
{
    char sealed[SEALED], plain[PLAIN];
    int start[2], out[2], status;
    assert_true(pipe(start) == 0 && pipe(out) == 0);
    for (unsigned i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            close(start[1]);
            s_make(start[0], out[1]);
        }
    close(start[0]);
    close(start[1]);
    for (unsigned i = 0; i < PROCESSES; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    sealing_key_t *key = sealing_key_load(&s_file, s_key, NULL, s_err, sizeof s_err);
    assert_non_null(key);
    for (unsigned i = 0; i < PROCESSES; i++) {
        assert_int_equal(read(out[0], sealed, sizeof sealed), sizeof sealed);
        assert_int_equal(sealing_key_open(key, slice(sealed, sizeof sealed), plain), 0);
        assert_memory_equal(plain, "secret", PLAIN);
    }
    close(out[0]);
    close(out[1]);
    sealing_key_destroy(&key);
}

static void who_makes_it_at_once_gets_the_same(void **state)
{
    glob_t left;
    char pattern[SCRATCH + 16];
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        s_make_at_once();
        unlink(s_key);
    }
    snprintf(pattern, sizeof pattern, "%s/*", s_path);
    assert_int_equal(glob(pattern, 0, NULL, &left), GLOB_NOMATCH);
}

/* As root makes one for its owner. */
static void an_empty_file_is_filled_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        int fd = open(s_key, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
        s_make_at_once();
        unlink(s_key);
    }
}

static void the_former_one_is_taken_over(void **state)
{
    char sealed[SEALED], plain[PLAIN], another[SCRATCH + 16];
    (void)state;
    snprintf(another, sizeof another, "%s/another", s_path);
    sealing_key_t *former = sealing_key_load(&s_file, s_key, NULL, s_err, sizeof s_err);
    sealing_key_t *key = sealing_key_load(&s_file, another, former, s_err, sizeof s_err);
    assert_true(former && key);
    sealing_key_seal(former, slice_of("secret"), sealed);
    assert_int_equal(sealing_key_open(key, slice(sealed, sizeof sealed), plain), 0);
    sealing_key_destroy(&former);
    sealing_key_destroy(&key);
}

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_path);
    snprintf(s_key, sizeof s_key, "%s/key", s_path);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_path);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_makes_it_at_once_gets_the_same),
        TEST(an_empty_file_is_filled_once),
        TEST(the_former_one_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
