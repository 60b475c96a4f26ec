#include "common/life/life.h"

#include "common/base/clock.h"
#include "common/base/notify.h"
#include "common/base/secret.h"
#include "common/life/confine.h"
#include "common/life/kinds.h"
#include "common/life/path.h"
#include "common/life/prepare.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { GROUPS = 64 };

static int s_signal_fd = -1;
static sigset_t s_signals;
static atomic_bool s_stopping, s_hurry, s_hung_up;
static _Atomic int64_t s_looked_ms;

void life_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit); /* refused: then it is as it was */
    }
}

static void s_read_signals(void)
{
    sigprocmask(SIG_BLOCK, &s_signals, NULL);
    s_signal_fd = signalfd(s_signal_fd, &s_signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s_signal_fd < 0)
        log_fatal(EXIT_FAULT, "life.signals", "err=%s", LOG_Q(strerror(errno)));
}

void life_begin(void)
{
    secret_protect_process();
    life_raise_descriptors();
    notify_open();
    tzset();
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&s_signals);
    sigaddset(&s_signals, SIGTERM);
    sigaddset(&s_signals, SIGINT);
    s_read_signals();
}

void life_take_hangup(void)
{
    sigaddset(&s_signals, SIGHUP);
    s_read_signals();
}

bool life_hung_up(void)
{
    return atomic_exchange(&s_hung_up, false);
}

int life_fd(void)
{
    return s_signal_fd;
}

/* A loop asks in each of its turns, of which there are thousands a second. */
static bool s_looked_lately(void)
{
    int64_t now_ms = clock_ms();
    return atomic_exchange(&s_looked_ms, now_ms) == now_ms;
}

bool life_stopping(void)
{
    struct signalfd_siginfo info;
    if (s_looked_lately())
        return atomic_load(&s_stopping);
    while (s_signal_fd >= 0 && read(s_signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            atomic_store(&s_hung_up, true);
            continue;
        }
        if (info.ssi_signo == SIGINT)
            atomic_store(&s_hurry, true);
        if (!atomic_exchange(&s_stopping, true))
            notify_stopping();
    }
    return atomic_load(&s_stopping);
}

bool life_hurry(void)
{
    return atomic_load(&s_hurry);
}

static void s_write_pid(int fd)
{
    char pid[16];
    int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
        log_warn("life.lock", "err=%s", LOG_Q("cannot write the pid into the lock file"));
}

static void s_refuse_second(const char *path, int fd)
{
    char holder[16] = "";
    ssize_t len = pread(fd, holder, sizeof holder - 1, 0);
    holder[len > 0 ? strcspn(holder, "\n") : 0] = '\0';
    log_fatal(EXIT_CONFIG, "life.locked", "path=%s holder=%s err=%s", LOG_Q(path), LOG_Q(holder),
              LOG_Q("another process has it; stop that one first"));
}

/* The descriptor stays open for the life of the process: closing it would release the lock. */
static int s_open_lock(const char *path)
{
    char err[PATH_ERROR];
    int fd = path_open(path, O_RDWR | O_CREAT, 0600, err, sizeof err);
    if (fd < 0)
        log_fatal(EXIT_CONFIG, "life.lock", "path=%s err=%s", LOG_Q(path), LOG_Q(err));
    return fd;
}

/* False when another process has it. life_locked holds a shared lock for an instant: who only looks
 * is no reason to give up. */
static bool s_take(int fd)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (flock(fd, LOCK_SH | LOCK_NB) != 0)
            return false;
        flock(fd, LOCK_UN);
        usleep(1000);
    }
    return true;
}

int life_hold(const char *path)
{
    int fd = s_open_lock(path);
    if (s_take(fd)) {
        s_write_pid(fd);
        return fd;
    }
    close(fd);
    return -1;
}

bool life_try_lock(const char *path)
{
    return life_hold(path) >= 0;
}

bool life_locked(const char *path)
{
    char err[PATH_ERROR];
    int fd = path_open(path, O_RDONLY, 0, err, sizeof err);
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return locked;
}

void life_lock(const char *path, bool wait)
{
    int fd = s_open_lock(path);
    if (!s_take(fd)) {
        if (!wait)
            s_refuse_second(path, fd);
        log_warn("life.waiting", "path=%s err=%s", LOG_Q(path),
                 LOG_Q("another process has the lock; waiting for it to end"));
        /* A signal must still end the wait. */
        while (!s_take(fd)) {
            if (life_stopping())
                exit(0);
            usleep(20000);
        }
    }
    s_write_pid(fd);
}

void life_make_dir(const char *path)
{
    char err[PATH_ERROR];
    int fd = path_make(path, err, sizeof err);
    if (fd < 0)
        log_fatal(EXIT_CONFIG, "life.directory", "err=%s", LOG_Q(err));
    close(fd);
}

void life_make_known(const conf_t *conf)
{
    char err[PATH_ERROR];
    int fd = path_make(conf_text(conf, SET_data_known), err, sizeof err);
    if (fd < 0)
        log_warn("store.unknown", "err=%s", LOG_Q(err));
    else
        close(fd);
}

void life_make_sockets(const conf_t *conf)
{
    const char *data = conf_text(conf, SET_data_directory);
    const char *sockets = conf_text(conf, SET_data_sockets);
    size_t len = strlen(data);
    if (strncmp(sockets, data, len) == 0 && sockets[len] == '/')
        life_make_dir(data);
    life_make_dir(sockets);
}

/* What lies below comes before the directory above it: there it would be in somebody's hands, and
 * root must not give away what it finds there. */
static void s_give(const conf_t *conf, const struct passwd *to)
{
    char first[4200], err[PATH_ERROR];
    const char *data = conf_text(conf, SET_data_directory);
    snprintf(first, sizeof first, "%s/first-owner", data);
    const char *const own[] = {
        conf_text(conf, SET_authd_master_key), first,
        conf_text(conf, SET_worker_key),       conf_text(conf, SET_data_sockets),
        conf_text(conf, SET_data_known),       data};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (*own[i] && path_give(own[i], to->pw_uid, to->pw_gid, err, sizeof err) != 0)
            log_fatal(EXIT_CONFIG, "life.user", "user=%s err=%s", LOG_Q(to->pw_name), LOG_Q(err));
}

static void s_refuse_user(const char *user, const char *reason)
{
    log_fatal(EXIT_CONFIG, "life.user", "user=%s err=%s", LOG_Q(user), LOG_Q(reason));
}

/* Those of the user, and of a worker the one by which the routers know it. */
static int s_take_groups(const conf_t *conf, const struct passwd *to, const char *section)
{
    gid_t groups[GROUPS];
    int count = GROUPS - 1;
    if (getgrouplist(to->pw_name, to->pw_gid, groups, &count) < 0)
        count = GROUPS - 1; /* as many as there is room for */
    if (kinds_is_worker(section) && kinds_workers(conf, &groups[count]) == 0)
        count++;
    return setgroups((size_t)count, groups);
}

static void s_become(const conf_t *conf, const struct passwd *to, const char *section)
{
    int death_signal = 0; /* of the supervisor, which a change of user takes away */
    prctl(PR_GET_PDEATHSIG, &death_signal);
    if (s_take_groups(conf, to, section) != 0 ||
        setresgid(to->pw_gid, to->pw_gid, to->pw_gid) != 0 ||
        setresuid(to->pw_uid, to->pw_uid, to->pw_uid) != 0)
        s_refuse_user(to->pw_name, strerror(errno));
    prctl(PR_SET_PDEATHSIG, death_signal);
    secret_protect_process(); /* setresuid makes a process dumpable again */
}

static const struct passwd *s_find(const char *user)
{
    const struct passwd *to = getpwnam(user);
    if (!to)
        s_refuse_user(user, "no such user; make it or change process.user");
    return to;
}

void life_prepare(const conf_start_t *start)
{
    char err[PATH_ERROR];
    const struct passwd *former = start->former ? getpwnam(start->former) : NULL;
    if (start->former && geteuid() != 0)
        log_fatal(EXIT_CONFIG, "life.prepare", "err=%s", LOG_Q("-P is for root"));
    if (!start->former && kinds_check_root(start->conf, err, sizeof err) != 0)
        log_fatal(EXIT_CONFIG, "life.prepare", "err=%s", LOG_Q(err));
    if (!start->former && !kinds_apart(start->conf))
        return;
    if (prepare_process(start->conf, start->section, start->index, former ? former->pw_uid : 0, err,
                        sizeof err) != 0)
        log_fatal(EXIT_CONFIG, "life.prepare", "err=%s", LOG_Q(err));
    if (start->former)
        exit(0);
}

void life_settle(const conf_start_t *start)
{
    const conf_t *conf = start->conf;
    const char *user = conf_text(conf, SET_process_user);
    life_make_sockets(conf);
    if (*user && geteuid() == 0) {
        const struct passwd *to = s_find(user);
        s_give(conf, to);
        s_become(conf, to, "");
    } else if (kinds_apart(conf)) {
        user = conf_text(conf, conf_setting(start->section, "user"));
        s_become(conf, s_find(user), start->section);
    }
    confine_process();
}

void life_ready(void)
{
    static bool said;
    if (!said)
        notify_ready();
    said = true;
    const char *text = getenv("POSTERN_READY_FD");
    if (!text)
        return;
    int fd = atoi(text);
    unsetenv("POSTERN_READY_FD");
    if (fd > 2 && write(fd, "R", 1) != 1)
        log_warn("life.ready", "err=%s", LOG_Q("nobody reads POSTERN_READY_FD"));
    if (fd > 2)
        close(fd);
}
