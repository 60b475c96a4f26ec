#include "common/base/clock.h"
#include "common/life/listening.h"
#include "common/log/log.h"
#include "ctl/host/supervise_self.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

void supervise_child(pid_t parent)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the line above */
        _exit(EXIT_FAULT);
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts the listening socket where sd_listen_fds(3) has it; returns where the ready pipe is now. */
static int s_pass(int listener, int ready)
{
    char number[16];
    if (ready == LISTENING_FD)
        ready = fcntl(ready, F_DUPFD_CLOEXEC, LISTENING_FD + 1);
    if (listener == LISTENING_FD)
        fcntl(listener, F_SETFD, 0);
    else if (dup2(listener, LISTENING_FD) < 0)
        _exit(EXIT_FAULT);
    snprintf(number, sizeof number, "%d", (int)getpid());
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", "1", 1);
    return ready;
}

/* The terminal of who started the supervisor is for what is logged there, and not to be read. */
static void s_leave_terminal(void)
{
    int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (none < 0 || dup2(none, STDIN_FILENO) < 0)
        _exit(EXIT_FAULT);
    fcntl(STDIN_FILENO, F_SETFD, 0); /* where it was closed, that is what was opened */
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        char terminal[PATH_MAX];
        int out = -1;
        if (isatty(fd) && ttyname_r(fd, terminal, sizeof terminal) == 0)
            out = open(terminal, O_WRONLY | O_NOCTTY | O_CLOEXEC);
        if (out >= 0)
            dup2(out, fd);
    }
}

static bool s_begins(const char *text, const char *const *with, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strncmp(text, with[i], strlen(with[i])) == 0)
            return true;
    return false;
}

/* What a process reads of its environment, and what the libraries below it do. The rest is of who
 * started the supervisor, and so are an operator's credentials. */
static void s_keep_environment(void)
{
    static const char *const kept[] = {
        "POSTERN_",
        "PATH=",
        "HOME=",
        "TZ",
        "LANG",
        "LC_",
        "LISTEN_",
        "WATCHDOG_",
        "SSL_CERT_",
        "OPENSSL_CONF=",
        "RES_OPTIONS=",
        "LOCALDOMAIN=",
        "MALLOC_",
        "LD_PRELOAD=",
        "LD_LIBRARY_PATH=",
        "NOTIFY_SOCKET=",
        "ASAN_OPTIONS=",
        "UBSAN_OPTIONS=",
        "TSAN_OPTIONS=",
        "LSAN_OPTIONS=",
    };
    static const char *const secret[] = {
        "POSTERN_TOKEN=", "POSTERN_APPKEY=", "POSTERN_MANAGEMENT_TOKEN=", "POSTERN_SESSION="};
    char **to = environ;
    for (char **from = environ; *from; from++)
        if (s_begins(*from, kept, sizeof kept / sizeof *kept) &&
            !s_begins(*from, secret, sizeof secret / sizeof *secret))
            *to++ = *from;
    *to = NULL;
}

static void s_exec(const supervise_t *self, const child_t *child, int fd)
{
    char number[16];
    supervise_child(self->self);
    s_leave_terminal();
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    if (child->passed && self->listener >= 0)
        fd = s_pass(self->listener, fd);
    fcntl(fd, F_SETFD, 0);
    snprintf(number, sizeof number, "%d", fd);
    setenv("POSTERN_READY_FD", number, 1);
    s_keep_environment();
    execv(child->argv[0], child->argv);
    log_error("child.exec", "name=%s path=%s err=%s", child->name, LOG_Q(child->argv[0]),
              LOG_Q(strerror(errno)));
    _exit(127);
}

void child_postpone(child_t *child)
{
    child->start_at = clock_ms() + child->delay_ms;
    child->delay_ms *= 2;
    if (child->delay_ms > SUPERVISE_DELAY_MAX_MS)
        child->delay_ms = SUPERVISE_DELAY_MAX_MS;
}

void child_give_up(child_t *child)
{
    child->given_up = true;
    log_error(
        "child.refused", "name=%s attempts=%u err=%s hint=\"posternctl restart %s\"", child->name,
        child->refusals,
        LOG_Q("ends with status 78 again and again; see what it logs, correct that, and start "
              "it"),
        child->name);
}

void child_start(supervise_t *self, child_t *child)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        log_error("child.start", "name=%s err=%s", child->name, LOG_Q(strerror(errno)));
        child_postpone(child);
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        s_exec(self, child, fds[1]);
    close(fds[1]);
    if (pid < 0) {
        log_error("child.start", "name=%s err=%s", child->name, LOG_Q(strerror(errno)));
        close(fds[0]);
        child_postpone(child);
        return;
    }
    child->pid = pid;
    child->ready_fd = fds[0];
    child->ready = false;
    log_info("child.start", "name=%s pid=%d", child->name, (int)pid);
}

void child_read_ready(child_t *child)
{
    char byte;
    ssize_t n = read(child->ready_fd, &byte, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    close(child->ready_fd);
    child->ready_fd = -1;
    if (n != 1)
        return;
    child->ready = child->ready_once = true;
    child->delay_ms = SUPERVISE_DELAY_MS;
    child->refusals = 0;
    log_info("child.ready", "name=%s pid=%d", child->name, (int)child->pid);
}
