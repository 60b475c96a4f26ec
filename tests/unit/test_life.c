/* Signals, locks, directories and the word to a supervisor. Each case is a process of its own. */
#include "child.h"
#include "common/base/notify.h"
#include "common/life/life.h"
#include "scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

static char s_scratch[SCRATCH];

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_scratch);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_scratch);
    return 0;
}

static void s_sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void s_stop_by_signal(void *arg)
{
    life_begin();
    bool before = life_stopping();
    kill(getpid(), *(int *)arg);
    struct pollfd fd = {.fd = life_fd(), .events = POLLIN};
    int readable = poll(&fd, 1, 2000);
    s_sleep_ms(2); /* life_stopping looks once a millisecond */
    bool after = life_stopping(), still = life_stopping();
    printf("%d %d %d %d\n", before, readable, after, still);
    raise(SIGPIPE);
}

static void test_signals_ask_for_a_drain(void **state)
{
    (void)state;
    static int signals[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 2; i++) {
        char text[2048];
        assert_int_equal(child_run(s_stop_by_signal, &signals[i], text, sizeof text), 0);
        assert_non_null(strstr(text, "0 1 1 1\n"));
    }
}

static void s_hang_up(void *arg)
{
    (void)arg;
    life_begin();
    life_take_hangup();
    bool before = life_hung_up();
    for (int i = 0; i < 2; i++)
        kill(getpid(), SIGHUP);
    s_sleep_ms(2);
    bool stopping = life_stopping(), after = life_hung_up(), again = life_hung_up();
    kill(getpid(), SIGTERM);
    s_sleep_ms(2);
    printf("%d %d %d %d %d\n", before, stopping, after, again, life_stopping());
}

static void test_a_hangup_is_told_once_and_stops_nothing(void **state)
{
    char text[2048];
    (void)state;
    assert_int_equal(child_run(s_hang_up, NULL, text, sizeof text), 0);
    assert_non_null(strstr(text, "0 0 1 0 1\n"));
}

/* Holds a lock on PATH in a process of its own until it is killed. */
static pid_t s_hold(const char *path)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char fd[16];
        snprintf(fd, sizeof fd, "%d", ready[1]);
        setenv("POSTERN_READY_FD", fd, 1);
        life_begin();
        life_lock(path, false);
        life_ready();
        life_ready();
        for (;;)
            pause();
    }
    close(ready[1]);
    /* One byte, then the end: life_ready closes the descriptor, and says it once. */
    char bytes[4];
    assert_int_equal(read(ready[0], bytes, sizeof bytes), 1);
    assert_int_equal(read(ready[0], bytes, sizeof bytes), 0);
    close(ready[0]);
    return pid;
}

static void s_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void s_lock(void *arg)
{
    life_begin();
    life_lock(arg, false);
    puts("locked");
}

static void test_a_second_process_is_refused(void **state)
{
    (void)state;
    char path[SCRATCH + 16], text[2048], holder[32];
    snprintf(path, sizeof path, "%s/lock", s_scratch);
    pid_t pid = s_hold(path);
    assert_int_equal(child_run(s_lock, path, text, sizeof text), 78);
    snprintf(holder, sizeof holder, "\"%d\"", (int)pid);
    assert_non_null(strstr(text, holder));
    assert_null(strstr(text, "locked\n"));
    struct stat is;
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    /* Death frees it, and the file that stays behind does not matter. */
    s_kill(pid);
    assert_int_equal(child_run(s_lock, path, text, sizeof text), 0);
    assert_non_null(strstr(text, "locked\n"));
}

static void test_a_lock_that_cannot_be_made(void **state)
{
    (void)state;
    char path[SCRATCH + 32], text[2048];
    snprintf(path, sizeof path, "%s/missing/lock", s_scratch);
    assert_int_equal(child_run(s_lock, path, text, sizeof text), 78);
    assert_non_null(strstr(text, "No such file"));
}

static void s_try(void *arg)
{
    life_begin();
    puts(life_try_lock(arg) ? "locked" : "not locked");
}

/* Asks again and again whether somebody has the lock, as a gateway that drains does. */
static pid_t s_look(const char *path)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (pid == 0)
        life_locked(path);
    return pid;
}

static void test_a_look_is_no_lock(void **state)
{
    (void)state;
    char path[SCRATCH + 16], text[2048];
    snprintf(path, sizeof path, "%s/lock", s_scratch);
    scratch_write(path, "");
    pid_t looking[3];
    for (int i = 0; i < 3; i++)
        looking[i] = s_look(path);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(child_run(s_lock, path, text, sizeof text), 0);
        assert_int_equal(child_run(s_try, path, text, sizeof text), 0);
        assert_null(strstr(text, "not locked"));
    }
    for (int i = 0; i < 3; i++)
        s_kill(looking[i]);
}

static void s_lock_waiting(void *arg)
{
    life_begin();
    life_lock(arg, true);
    puts("locked");
}

static void *s_kill_later(void *arg)
{
    s_sleep_ms(300);
    kill(*(pid_t *)arg, SIGKILL);
    return NULL;
}

static void test_waiting_for_a_lock(void **state)
{
    (void)state;
    char path[SCRATCH + 16], text[4096];
    snprintf(path, sizeof path, "%s/lock", s_scratch);
    pid_t pid = s_hold(path);
    pthread_t killer;
    assert_int_equal(pthread_create(&killer, NULL, s_kill_later, &pid), 0);
    assert_int_equal(child_run(s_lock_waiting, path, text, sizeof text), 0);
    pthread_join(killer, NULL);
    waitpid(pid, NULL, 0);
    assert_non_null(strstr(text, "locked\n"));
    /* Said once, not with each try. */
    char *said = strstr(text, "event=life.");
    assert_non_null(said);
    assert_null(strstr(said + 1, "event=life."));
}

static void s_lock_and_be_stopped(void *arg)
{
    life_begin();
    kill(getpid(), SIGTERM);
    life_lock(arg, true);
    puts("locked");
}

static void test_a_signal_ends_the_wait(void **state)
{
    (void)state;
    char path[SCRATCH + 16], text[4096];
    snprintf(path, sizeof path, "%s/lock", s_scratch);
    pid_t pid = s_hold(path);
    assert_int_equal(child_run(s_lock_and_be_stopped, path, text, sizeof text), 0);
    s_kill(pid);
    assert_null(strstr(text, "locked\n"));
}

static void s_make(void *arg)
{
    umask(022);
    life_make_dir(arg);
}

static void test_directories(void **state)
{
    (void)state;
    char path[SCRATCH + 32], text[2048];
    struct stat is;
    snprintf(path, sizeof path, "%s/a/b/c", s_scratch);
    assert_int_equal(child_run(s_make, path, text, sizeof text), 0);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0700);
    assert_int_equal(child_run(s_make, path, text, sizeof text), 0);
    assert_string_equal(text, "");

    snprintf(path, sizeof path, "%s/file", s_scratch);
    scratch_write(path, "x");
    assert_int_equal(child_run(s_make, path, text, sizeof text), 78);
    assert_non_null(strstr(text, "ot a directory"));
    snprintf(path, sizeof path, "%s/file/below", s_scratch);
    assert_int_equal(child_run(s_make, path, text, sizeof text), 78);
}

/* With the data in a directory of root's that every user may pass. */
static conf_t *s_conf(const char *user)
{
    char data[SCRATCH + 32], name[64], err[256];
    snprintf(data, sizeof data, "data.directory=%s/data", s_scratch);
    snprintf(name, sizeof name, "process.user=%s", user);
    char sockets[SCRATCH + 32];
    snprintf(sockets, sizeof sockets, "data.sockets=%s/data/run", s_scratch);
    char *overrides[] = {data, sockets, name, NULL};
    conf_t *conf = conf_load_with(NULL, overrides, err, sizeof err);
    assert_non_null(conf);
    return conf;
}

static void s_become(void *arg)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    conf_t *conf = s_conf(arg);
    chmod(s_scratch, 0711);
    conf_start_t start = {.process = "postern-router", .section = "router", .conf = conf};
    life_settle(&start);
    conf_destroy(&conf);
    printf("uid=%d gid=%d\n", (int)getuid(), (int)getegid());
    printf("back=%d\n", setuid(0));
    int signal = 0;
    prctl(PR_GET_PDEATHSIG, &signal);
    printf("death=%d\n", signal);
}

static int s_owner(const char *name)
{
    char path[SCRATCH + 32];
    struct stat is;
    snprintf(path, sizeof path, "%s/%s", s_scratch, name);
    return lstat(path, &is) == 0 ? (int)is.st_uid : -1;
}

static void test_privileges(void **state)
{
    (void)state;
    char text[2048], mine[64];
    snprintf(mine, sizeof mine, "uid=%d gid=%d\n", (int)getuid(), (int)getegid());
    assert_int_equal(child_run(s_become, (void *)"", text, sizeof text), 0);
    assert_non_null(strstr(text, mine));
    if (getuid() != 0)
        return;
    assert_int_equal(child_run(s_become, (void *)"nobody", text, sizeof text), 0);
    assert_null(strstr(text, "uid=0"));
    assert_null(strstr(text, "gid=0"));
    assert_non_null(strstr(text, "back=-1"));
    assert_non_null(strstr(text, "death=9")); /* no orphans when the supervisor is killed */
    assert_int_equal(child_run(s_become, (void *)"nobody-like-this", text, sizeof text), 78);
    assert_non_null(strstr(text, "nobody-like-this"));
    assert_int_equal(s_owner("data"), 65534);
    assert_int_equal(s_owner("data/run"), 65534);
}

static void test_what_is_made_below_the_data(void **state)
{
    (void)state;
    char text[2048], path[SCRATCH + 32];
    struct stat is;
    assert_int_equal(child_run(s_become, (void *)"", text, sizeof text), 0);
    snprintf(path, sizeof path, "%s/data", s_scratch);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0700);
}

static void s_ready_with(void *arg)
{
    setenv("POSTERN_READY_FD", arg, 1);
    life_ready();
    puts("went on");
}

/* Standard streams and garbage are no channels to a supervisor. */
static void test_ready_without_a_channel(void **state)
{
    (void)state;
    static const char *const values[] = {"", "0", "1", "2", "-1", "x", "99999999999", "999"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[2048];
        assert_int_equal(child_run(s_ready_with, (void *)values[i], text, sizeof text), 0);
        assert_non_null(strstr(text, "went on\n"));
    }
}

static void s_live_under_systemd(void *arg)
{
    (void)arg;
    life_begin();
    printf("left=%s%s\n", getenv("NOTIFY_SOCKET") ? "socket" : "",
           getenv("WATCHDOG_USEC") ? "usec" : "");
    life_ready();
    life_ready();
    notify_alive(1000000);
    notify_alive(1000499);
    notify_alive(1000500);
    kill(getpid(), SIGTERM);
    life_stopping();
    s_sleep_ms(2);
    life_stopping();
}

/* What has come at the socket, each with a comma. */
static void s_receive(int fd, char *text, size_t size)
{
    ssize_t n;
    size_t len = 0;
    while ((n = recv(fd, text + len, size - len - 2, MSG_DONTWAIT)) > 0) {
        len += (size_t)n;
        text[len++] = ',';
    }
    text[len] = '\0';
}

static void test_systemd_is_told(void **state)
{
    (void)state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char text[2048], said[256], pid[16];
    assert_true((size_t)snprintf(name.sun_path, sizeof name.sun_path, "%s/notify", s_scratch) <
                sizeof name.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    setenv("NOTIFY_SOCKET", name.sun_path, 1);
    setenv("WATCHDOG_USEC", "1000000", 1);
    assert_int_equal(child_run(s_live_under_systemd, NULL, text, sizeof text), 0);
    assert_non_null(strstr(text, "left=\n"));
    s_receive(fd, said, sizeof said);
    assert_string_equal(said, "READY=1,WATCHDOG=1,WATCHDOG=1,STOPPING=1,");
    /* A watchdog that watches another process is not ours. */
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(child_run(s_live_under_systemd, NULL, text, sizeof text), 0);
    s_receive(fd, said, sizeof said);
    assert_string_equal(said, "READY=1,STOPPING=1,");
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    close(fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_signals_ask_for_a_drain),
        CASE(test_a_hangup_is_told_once_and_stops_nothing),
        CASE(test_a_second_process_is_refused),
        CASE(test_a_lock_that_cannot_be_made),
        CASE(test_a_look_is_no_lock),
        CASE(test_waiting_for_a_lock),
        CASE(test_a_signal_ends_the_wait),
        CASE(test_directories),
        CASE(test_privileges),
        CASE(test_what_is_made_below_the_data),
        CASE(test_ready_without_a_channel),
        CASE(test_systemd_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
