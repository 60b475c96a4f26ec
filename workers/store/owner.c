#include "workers/store/owner.h"

#include "common/base/clock.h"
#include "common/life/path.h"
#include "workers/store/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_MOST = 1 << 20, REASON = 8192, NOGROUP = 65534, FIRST = 3 };

/* The first byte of what the child says; JSON or the reason follows. */
enum { SAYS_DONE = 'd', SAYS_FAILED = 'f' };

typedef struct {
    struct stat owner;
    int within; /* -1: stay */
    int ends[2];
} child_t;

/* Members of root's group may read files of root's. */
static int s_become(const struct stat *owner)
{
    gid_t group = owner->st_gid ? owner->st_gid : NOGROUP;
    if (geteuid() == 0 && owner->st_uid != 0 &&
        (setgroups(1, &group) != 0 || setresgid(group, group, group) != 0 ||
         setresuid(owner->st_uid, owner->st_uid, owner->st_uid) != 0))
        return -1;
    /* A change of the user takes both away. */
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ? -1
                                                                                            : 0;
}

/* All but standard input and output and these two. */
static void s_close_others(int one, int other)
{
    unsigned low = (unsigned)(one < other ? one : other);
    unsigned high = (unsigned)(one < other ? other : one);
    if (low > FIRST)
        close_range(FIRST, low - 1, 0);
    if (high > low + 1)
        close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0u, 0);
}

static void s_write(int fd, char says, const char *text)
{
    size_t len = strlen(text);
    if (write(fd, &says, 1) != 1)
        return;
    while (len > 0) {
        ssize_t done = write(fd, text, len);
        if (done <= 0)
            return;
        text += done;
        len -= (size_t)done;
    }
}

/* "./data.mdb: …" is about the directory that the work was done in. */
static void s_write_reason(const owner_t *self, int fd, const char *err)
{
    char text[REASON];
    bool here = self->within && err[0] == '.' && (err[1] == '/' || err[1] == ':');
    snprintf(text, sizeof text, "%s%s", here ? self->within : "", here ? err + 1 : err);
    s_write(fd, SAYS_FAILED, text);
}

static void s_work(const owner_t *self, const child_t *child, pid_t parent)
{
    char err[REASON] = "";
    json_t *answer = json_object();
    int rc = child->within >= 0 ? fchdir(child->within) : 0;
    s_close_others(child->ends[1], self->lock >= 0 ? self->lock : child->ends[1]);
    if (rc == 0)
        rc = s_become(&child->owner);
    if (rc != 0)
        snprintf(err, sizeof err, "%s: cannot become its owner, user %u: %s", self->store,
                 (unsigned)child->owner.st_uid, strerror(errno));
    if (getppid() != parent) /* it died before it was noticed */
        return;
    if (rc == 0)
        rc = self->work(self->arg, answer, err, sizeof err);
    char *text = rc == 0 ? json_dumps(answer, JSON_COMPACT) : NULL;
    if (text)
        s_write(child->ends[1], SAYS_DONE, text);
    else
        s_write_reason(self, child->ends[1], err);
}

/* Until the child's end is closed. TEXT is ended with a 0. The length, or -1 with errno. */
static ssize_t s_read(int fd, char *text)
{
    size_t len = 0;
    ssize_t got;
    int64_t until_ms = clock_ms() + OWNER_S * 1000;
    do {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - clock_ms();
        errno = ETIMEDOUT;
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) <= 0)
            return -1;
        got = read(fd, text + len, ANSWER_MOST - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    } while (got > 0 && len < ANSWER_MOST - 1);
    text[len] = '\0';
    return got < 0 ? -1 : (ssize_t)len;
}

/* An operator's, a terminal's, the kernel's for want of memory: none that a page can cause. */
static bool s_is_from_outside(int signal)
{
    return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGKILL;
}

static json_t *s_understand(const owner_t *self, char *text, ssize_t len, int status, char *err,
                            size_t err_size)
{
    json_t *answer = len > 0 && text[0] == SAYS_DONE ? json_loads(text + 1, 0, NULL) : NULL;
    if (json_is_object(answer))
        return answer;
    json_decref(answer);
    if (len > 0 && text[0] == SAYS_FAILED)
        snprintf(err, err_size, "%s", text + 1);
    else if (len < 0)
        snprintf(err, err_size, "%s: its reading has not ended: %s", self->store, strerror(errno));
    else if (WIFSIGNALED(status) && s_is_from_outside(WTERMSIG(status)))
        snprintf(err, err_size, "%s: its reading was ended by signal %d: do this again",
                 self->store, WTERMSIG(status));
    else
        snprintf(err, err_size,
                 "%s: a damaged page of data.mdb has ended its reading (wait status %d)",
                 self->store, status);
    keeper_make_plain(err, false);
    return NULL;
}

/* Ends the child, which has said all. */
static json_t *s_collect(const owner_t *self, int fd, pid_t pid, char *err, size_t err_size)
{
    int status = 0;
    char *text = malloc(ANSWER_MOST);
    if (!text)
        abort();
    ssize_t len = s_read(fd, text);
    int why = errno;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    errno = why;
    json_t *answer = s_understand(self, text, len, status, err, err_size);
    free(text);
    return answer;
}

static json_t *s_run(const owner_t *self, child_t *child, char *err, size_t err_size)
{
    pid_t parent = getpid();
    fflush(NULL);
    int rc = pipe2(child->ends, O_CLOEXEC);
    pid_t pid = rc == 0 ? fork() : -1;
    if (pid == 0) {
        s_work(self, child, parent);
        _exit(0);
    }
    if (pid < 0)
        snprintf(err, err_size, "%s: cannot be looked at: %s", self->store, strerror(errno));
    if (rc == 0)
        close(child->ends[1]);
    json_t *answer = pid < 0 ? NULL : s_collect(self, child->ends[0], pid, err, err_size);
    if (rc == 0)
        close(child->ends[0]);
    return answer;
}

/* Opens the directory that the work is done in, as its owner's. */
static int s_enter(const owner_t *self, child_t *child, char *err, size_t err_size)
{
    child->within = path_directory(self->within, err, err_size);
    if (child->within < 0)
        return -1;
    if (geteuid() != 0 ||
        fchownat(child->within, "", child->owner.st_uid, child->owner.st_gid, AT_EMPTY_PATH) == 0)
        return 0;
    snprintf(err, err_size, "%s: cannot be given to user %u: %s", self->within,
             (unsigned)child->owner.st_uid, strerror(errno));
    return -1;
}

json_t *owner_run(const owner_t *self, char *err, size_t err_size)
{
    child_t child = {.within = -1};
    json_t *answer = NULL;
    int store = path_directory(self->store, err, err_size);
    if (store < 0)
        return NULL;
    int rc = fstat(store, &child.owner);
    if (rc != 0)
        snprintf(err, err_size, "%s: %s", self->store, strerror(errno));
    else if (self->within)
        rc = s_enter(self, &child, err, err_size);
    if (rc == 0)
        answer = s_run(self, &child, err, err_size);
    if (child.within >= 0)
        close(child.within);
    close(store);
    return answer;
}
