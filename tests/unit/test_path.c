/* Paths through directories that others may write. What needs a second user is skipped without
 * root. */
#include "common/life/path.h"
#include "lacking.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { STRANGER = 65534, USER = 65533 };

static char s_scratch[SCRATCH], s_err[PATH_ERROR];

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_scratch);
    *s_err = '\0';
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_scratch);
    return 0;
}

static const char *s_at(const char *name)
{
    return scratch_at(s_scratch, name);
}

static void s_file(const char *name, uid_t uid)
{
    scratch_write(s_at(name), "precious");
    assert_true(geteuid() != 0 || chown(s_at(name), uid, uid) == 0);
}

static void s_directory(const char *name, uid_t uid, mode_t mode)
{
    assert_int_equal(mkdir(s_at(name), 0700), 0);
    assert_int_equal(chmod(s_at(name), mode), 0);
    assert_true(geteuid() != 0 || chown(s_at(name), uid, uid) == 0);
}

static uid_t s_owner(const char *name)
{
    struct stat is;
    assert_int_equal(lstat(s_at(name), &is), 0);
    return is.st_uid;
}

static int s_open(const char *name, int flags)
{
    int fd = path_open(s_at(name), flags, 0600, s_err, sizeof s_err);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : -1;
}

static int s_give(const char *name)
{
    return path_give(s_at(name), USER, USER, s_err, sizeof s_err);
}

static void test_a_file_is_opened_or_made(void **state)
{
    (void)state;
    struct stat is;
    assert_int_equal(s_open("lock", O_RDWR), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(s_open("lock", O_RDWR | O_CREAT), 0);
    assert_int_equal(stat(s_at("lock"), &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    assert_int_equal(s_open("lock", O_RDWR), 0);
    assert_int_equal(s_open("no/lock", O_RDWR | O_CREAT), -1);
    assert_int_equal(s_open("", O_RDWR | O_CREAT), -1);
    assert_int_equal(s_open("..", O_RDWR | O_CREAT), -1);
}

static void test_what_is_no_file_is_not_opened(void **state)
{
    (void)state;
    s_file("target", 0);
    assert_int_equal(symlink("target", s_at("link")), 0);
    assert_int_equal(symlink("nothing", s_at("dangling")), 0);
    assert_int_equal(link(s_at("target"), s_at("second")), 0);
    assert_int_equal(mkfifo(s_at("fifo"), 0600), 0);
    static const char *const names[] = {"link", "dangling", "second", "fifo"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(s_open(names[i], O_RDWR | O_CREAT | O_TRUNC), -1);
        assert_non_null(strstr(s_err, "remove it"));
    }
    struct stat is;
    assert_int_equal(stat(s_at("target"), &is), 0);
    assert_int_equal(is.st_size, strlen("precious"));
    assert_int_equal(lstat(s_at("nothing"), &is), -1);
}

/* Debian's /var/run is a link of root's. */
static void test_links_of_our_own_are_followed(void **state)
{
    (void)state;
    s_directory("real", geteuid(), 0700);
    assert_int_equal(symlink("real", s_at("run")), 0);
    assert_int_equal(symlink(s_at("real"), s_at("whole")), 0);
    assert_int_equal(s_open("run/lock", O_RDWR | O_CREAT), 0);
    assert_int_equal(s_open("whole/lock", O_RDWR), 0);
    assert_int_equal(symlink("loop", s_at("loop")), 0);
    assert_int_equal(s_open("loop/lock", O_RDWR), -1);
    assert_int_equal(errno, ELOOP);
}

static void test_links_of_others_are_not(void **state)
{
    (void)state;
    lacking_root();
    s_directory("real", 0, 0700);
    s_directory("theirs", STRANGER, 0755);
    assert_int_equal(symlink("../real", s_at("theirs/run")), 0);
    assert_int_equal(s_open("theirs/run/lock", O_RDWR | O_CREAT), -1);
    assert_non_null(strstr(s_err, "at run: a symbolic link that another user could have made"));
    struct stat is;
    assert_int_equal(lstat(s_at("real/lock"), &is), -1);
    assert_int_equal(path_make(s_at("theirs/run/new"), s_err, sizeof s_err), -1);
    assert_int_equal(lstat(s_at("real/new"), &is), -1);
    assert_int_equal(s_give("theirs/run"), -1);
    assert_int_equal(s_owner("real"), 0);
}

static void test_directories_are_made(void **state)
{
    (void)state;
    struct stat is;
    for (int i = 0; i < 2; i++) {
        int fd = path_make(s_at("a/b/c"), s_err, sizeof s_err);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &is), 0);
        assert_int_equal(is.st_mode & 0777, 0700);
        close(fd);
    }
    int fd = path_make(s_at("a/b/d///"), s_err, sizeof s_err);
    assert_true(fd >= 0);
    close(fd);
    s_file("file", 0);
    assert_int_equal(path_make(s_at("file"), s_err, sizeof s_err), -1);
    assert_int_equal(path_make(s_at("file/below"), s_err, sizeof s_err), -1);
}

static void test_what_root_makes_for_somebody_is_his(void **state)
{
    (void)state;
    lacking_root();
    s_directory("theirs", STRANGER, 0755);
    int fd = path_make(s_at("theirs/run"), s_err, sizeof s_err);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(s_owner("theirs/run"), STRANGER);
}

static void test_what_is_roots_is_given(void **state)
{
    (void)state;
    lacking_root();
    s_directory("data", 0, 0700);
    s_directory("data/run", 0, 0700);
    s_file("data/key", 0);
    assert_int_equal(s_give("data/nothing"), 0);
    assert_int_equal(s_give("data/key"), 0);
    assert_int_equal(s_give("data/run"), 0);
    assert_int_equal(s_give("data"), 0);
    assert_int_equal(s_owner("data/key"), USER);
    assert_int_equal(s_owner("data/run"), USER);
    assert_int_equal(s_owner("data"), USER);
    /* All of it again, as at each start. */
    assert_int_equal(s_give("data/key"), 0);
    assert_int_equal(s_give("data/run"), 0);
}

/* NAME is not given away, for a reason in which WORDS stand. */
static void s_refused(const char *name, const char *words)
{
    uid_t before = s_owner(name);
    *s_err = '\0';
    assert_int_equal(s_give(name), -1);
    if (!strstr(s_err, words))
        fail_msg("%s", s_err);
    assert_int_equal(s_owner(name), before);
}

static void test_what_others_may_have_put_there_is_not(void **state)
{
    (void)state;
    lacking_root();
    s_file("target", 0);
    s_directory("theirs", USER, 0700);
    s_file("theirs/key", 0);
    s_directory("theirs/run", 0, 0700);
    assert_int_equal(symlink("../target", s_at("theirs/link")), 0);
    s_refused("theirs/key", "others can write");
    s_refused("theirs/run", "others can write");
    s_refused("theirs/link", "symbolic link");
    s_directory("open", 0, 0777);
    s_directory("open/run", 0, 0700);
    s_refused("open/run", "others can write");
    s_directory("sticky", 0, 01777);
    s_file("sticky/key", 0);
    s_directory("sticky/data", 0, 0700);
    s_refused("sticky/key", "others can write");
    assert_int_equal(s_give("sticky/data"), 0); /* as /tmp: nobody else can make a name for it */
    s_directory("data", 0, 0700);
    assert_int_equal(link(s_at("target"), s_at("data/key")), 0);
    s_refused("data/key", "another name");
    s_directory("strange", STRANGER, 0700);
    s_refused("strange", "another user");
    assert_int_equal(mkfifo(s_at("data/fifo"), 0600), 0);
    s_refused("data/fifo", "neither a directory nor a file");
    assert_int_equal(s_owner("target"), 0);
}

static int s_check(const char *name, const char *base)
{
    path_trust_t trust = {.user = USER, .base = base};
    *s_err = '\0';
    return path_check(s_at(name), &trust, s_err, sizeof s_err);
}

static void test_directories_that_others_can_write(void **state)
{
    (void)state;
    s_directory("a", geteuid(), 0755);
    s_directory("a/b", geteuid(), 0700);
    assert_int_equal(s_check("a/b", ""), 0);
    assert_int_equal(s_check("a/b/later", ""), 0);
    static const mode_t modes[] = {0777, 0775, 0757};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(s_at("a"), modes[i]), 0);
        assert_int_equal(s_check("a/b", ""), -1);
        assert_non_null(strstr(s_err, "at a: others can write"));
        assert_non_null(strstr(s_err, "chmod go-w"));
        assert_int_equal(s_check("a/b", s_scratch), -1);
    }
    /* Names in it are safe from others, but anybody can make new ones. */
    assert_int_equal(chmod(s_at("a"), 01777), 0);
    assert_int_equal(s_check("a/b", ""), 0);
    assert_int_equal(s_check("a", ""), -1);
    s_file("file", geteuid());
    assert_int_equal(s_check("file", ""), -1);
}

static void test_directories_of_others(void **state)
{
    (void)state;
    lacking_root();
    s_directory("a", 0, 0755);
    s_directory("a/b", USER, 0755);
    s_directory("a/b/c", USER, 0700);
    assert_int_equal(s_check("a/b/c", ""), 0);
    assert_int_equal(chown(s_at("a/b"), STRANGER, 0), 0);
    assert_int_equal(s_check("a/b/c", ""), -1);
    assert_non_null(strstr(s_err, "at b: belongs to user 65534"));
    /* The configuration lies below it: its owner could exchange that, too. */
    char base[SCRATCH + 64];
    snprintf(base, sizeof base, "%s/a/b", s_scratch);
    assert_int_equal(s_check("a/b/c", base), 0);
    snprintf(base, sizeof base, "%s/a/b/d", s_scratch);
    assert_int_equal(s_check("a/b/c", base), 0);
    snprintf(base, sizeof base, "%s/a/bc", s_scratch);
    assert_int_equal(s_check("a/b/c", base), -1);
    assert_int_equal(symlink("a/b", s_at("link")), 0);
    snprintf(base, sizeof base, "%s/a/b/d", s_scratch);
    assert_int_equal(s_check("link/c", base), -1);
    assert_int_equal(chown(s_at("a/b"), USER, 0), 0);
    assert_int_equal(s_check("link/c", ""), 0);
    assert_int_equal(chown(s_at("a/b/c"), STRANGER, 0), 0);
    assert_int_equal(s_check("a/b/c", ""), -1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_file_is_opened_or_made),
        CASE(test_what_is_no_file_is_not_opened),
        CASE(test_links_of_our_own_are_followed),
        CASE(test_links_of_others_are_not),
        CASE(test_directories_are_made),
        CASE(test_what_root_makes_for_somebody_is_his),
        CASE(test_what_is_roots_is_given),
        CASE(test_what_others_may_have_put_there_is_not),
        CASE(test_directories_that_others_can_write),
        CASE(test_directories_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
