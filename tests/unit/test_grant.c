/* What root makes for other users and gives them. Skipped without root. */
#include "common/life/grant.h"
#include "common/life/path.h"
#include "lacking.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { STRANGER = 65534, USER = 65533, FORMER = 65532 };

static char s_scratch[SCRATCH], s_err[PATH_ERROR];
static const grant_t s_to = {.user = USER, .group = USER, .mode = 0711, .former = FORMER};

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
    assert_int_equal(chown(s_at(name), uid, uid), 0);
    assert_int_equal(chmod(s_at(name), 0644), 0);
}

static void s_directory(const char *name, uid_t uid)
{
    assert_int_equal(mkdir(s_at(name), 0755), 0);
    assert_int_equal(chown(s_at(name), uid, uid), 0);
}

static void s_is(const char *name, uid_t uid, mode_t mode)
{
    struct stat is;
    assert_int_equal(lstat(s_at(name), &is), 0);
    assert_int_equal(is.st_uid, uid);
    assert_int_equal(is.st_mode & 07777, mode);
}

static void test_what_is_missing_is_made(void **state)
{
    (void)state;
    lacking_root();
    assert_int_equal(grant_directory(s_at("d"), &s_to, s_err, sizeof s_err), 0);
    s_is("d", USER, 0711);
    assert_int_equal(grant_tree(s_at("t"), &s_to, s_err, sizeof s_err), 0);
    s_is("t", USER, 0700);
    assert_int_equal(grant_file(s_at("f"), &s_to, s_err, sizeof s_err), 0);
    s_is("f", USER, 0600);
    assert_int_equal(grant_found(s_at("none"), &s_to, s_err, sizeof s_err), 0);
    assert_int_equal(access(s_at("none"), F_OK), -1);
}

static void test_what_a_former_user_had_is_given_with_all_in_it(void **state)
{
    (void)state;
    lacking_root();
    s_directory("t", FORMER);
    s_file("t/data", FORMER);
    s_file("t/roots", 0);
    s_directory("t/below", FORMER);
    s_file("t/below/mine", USER);
    assert_int_equal(grant_tree(s_at("t"), &s_to, s_err, sizeof s_err), 0);
    s_is("t", USER, 0700);
    s_is("t/data", USER, 0600);
    s_is("t/roots", USER, 0600);
    s_is("t/below", USER, 0700);
    s_is("t/below/mine", USER, 0600);
}

static void test_a_directory_alone_leaves_what_is_in_it(void **state)
{
    (void)state;
    lacking_root();
    s_directory("d", 0);
    s_file("d/theirs", STRANGER);
    assert_int_equal(grant_directory(s_at("d"), &s_to, s_err, sizeof s_err), 0);
    s_is("d/theirs", STRANGER, 0644);
}

static bool s_is_there(const char *name)
{
    struct stat is;
    return lstat(s_at(name), &is) == 0;
}

static void s_plant(void)
{
    s_directory("precious", 0);
    s_file("precious/file", 0);
    s_directory("d", FORMER);
    s_file("d/s", FORMER);
    s_file("d/other", STRANGER);
    assert_int_equal(symlink(s_at("precious"), s_at("d/soft")), 0);
    assert_int_equal(link(s_at("precious/file"), s_at("d/hard")), 0);
    s_directory("d/below", FORMER);
    s_file("d/below/file", FORMER);
    assert_int_equal(symlink(s_at("precious"), s_at("d/below/soft")), 0);
    assert_int_equal(chmod(s_at("d/below"), 0), 0);
}

static void test_a_former_owner_leaves_nothing_in_a_directory_that_is_emptied(void **state)
{
    (void)state;
    lacking_root();
    grant_t to = s_to;
    to.emptied = true;
    s_plant();
    assert_int_equal(grant_directory(s_at("d"), &to, s_err, sizeof s_err), 0);
    s_is("d", USER, 0711);
    static const char *const planted[] = {"d/s", "d/other", "d/soft", "d/hard", "d/below"};
    for (unsigned i = 0; i < sizeof planted / sizeof *planted; i++)
        assert_false(s_is_there(planted[i]));
    s_is("precious/file", 0, 0644);
    s_file("d/s", USER);
    assert_int_equal(grant_directory(s_at("d"), &to, s_err, sizeof s_err), 0);
    assert_true(s_is_there("d/s"));
    s_directory("roots", 0);
    s_file("roots/s", FORMER);
    assert_int_equal(grant_directory(s_at("roots"), &to, s_err, sizeof s_err), 0);
    assert_true(s_is_there("roots/s"));
}

static void test_a_strangers_is_refused(void **state)
{
    (void)state;
    lacking_root();
    s_file("f", STRANGER);
    assert_int_equal(grant_file(s_at("f"), &s_to, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, "chown -R root"));
    s_directory("t", 0);
    s_file("t/theirs", STRANGER);
    assert_int_equal(grant_tree(s_at("t"), &s_to, s_err, sizeof s_err), -1);
    s_is("f", STRANGER, 0644);
    s_is("t/theirs", STRANGER, 0644);
}

static void test_neither_links_nor_second_names(void **state)
{
    (void)state;
    lacking_root();
    s_file("precious", 0);
    assert_int_equal(symlink(s_at("precious"), s_at("soft")), 0);
    assert_int_equal(grant_file(s_at("soft"), &s_to, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, "symbolic link"));
    assert_int_equal(link(s_at("precious"), s_at("hard")), 0);
    assert_int_equal(grant_file(s_at("hard"), &s_to, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, "another name"));
    s_is("precious", 0, 0644);
}

static void test_nothing_where_another_chooses_the_names(void **state)
{
    (void)state;
    lacking_root();
    s_directory("theirs", STRANGER);
    assert_int_equal(grant_file(s_at("theirs/f"), &s_to, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, "belongs to user"));
    assert_int_equal(access(s_at("theirs/f"), F_OK), -1);
}

static void s_come_and_go(void)
{
    enum { FILES = 64 };
    for (unsigned i = 0;; i++) {
        char name[32];
        snprintf(name, sizeof name, "t/%u", i % FILES);
        int fd = open(s_at(name), O_WRONLY | O_CREAT, 0600);
        if (fd >= 0)
            close(fd);
        snprintf(name, sizeof name, "t/%u", (i + FILES / 2) % FILES);
        unlink(s_at(name));
    }
}

static void test_files_may_come_and_go(void **state)
{
    enum { TIMES = 2000 };
    (void)state;
    lacking_root();
    s_directory("t", USER);
    pid_t child = fork();
    if (child == 0)
        s_come_and_go(); /* until it is killed */
    assert_true(child > 0);
    int rc = 0;
    for (unsigned i = 0; i < TIMES && rc == 0; i++)
        rc = grant_tree(s_at("t"), &s_to, s_err, sizeof s_err);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_string_equal(s_err, "");
    assert_int_equal(rc, 0);
}

static void test_a_lease_is_told(void **state)
{
    (void)state;
    lacking_root();
    s_directory("t", USER);
    s_file("t/leased", USER);
    signal(SIGIO, SIG_IGN);
    int fd = open(s_at("t/leased"), O_RDWR);
    setfsuid(USER); /* root may lease the file of another by CAP_LEASE alone */
    assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
    setfsuid(0);
    assert_int_equal(grant_tree(s_at("t"), &s_to, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, "holds a lease"));
    close(fd);
    assert_int_equal(grant_tree(s_at("t"), &s_to, s_err, sizeof s_err), 0);
}

static void test_a_directory_is_no_file(void **state)
{
    (void)state;
    lacking_root();
    s_directory("d", 0);
    assert_int_equal(grant_file(s_at("d"), &s_to, s_err, sizeof s_err), -1);
    s_file("f", 0);
    assert_int_equal(grant_directory(s_at("f"), &s_to, s_err, sizeof s_err), -1);
    s_is("f", 0, 0644);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_missing_is_made, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_what_a_former_user_had_is_given_with_all_in_it,
                                        s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_a_directory_alone_leaves_what_is_in_it, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_former_owner_leaves_nothing_in_a_directory_that_is_emptied, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_a_strangers_is_refused, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_neither_links_nor_second_names, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_nothing_where_another_chooses_the_names, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(test_files_may_come_and_go, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_a_lease_is_told, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_a_directory_is_no_file, s_setup, s_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
