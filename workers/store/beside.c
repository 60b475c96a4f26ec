#include "workers/store/beside.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 160 };

static void s_become(int fd, const char **words)
{
    char path[PATH_MAX + 32];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        snprintf(slash, sizeof path - (size_t)(slash - path), "/%s", words[0]);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it may be waiting for the server */
    if (dup2(fd, STDIN_FILENO) >= 0)
        execv(path, (char *const *)words);
    fprintf(stderr, "posternctl: cannot start %s: %s (the package postern-postgres has it)\n", path,
            strerror(errno));
    _exit(1);
}

void beside_start(beside_t *self, const char *conf_path, char *const *overrides, const char *kind)
{
    const char *words[WORDS] = {"postern-database"};
    unsigned len = 1;
    int ends[2];
    *self = (beside_t){.fd = -1, .pid = -1};
    if (conf_path) {
        words[len++] = "-c";
        words[len++] = conf_path;
    }
    for (unsigned i = 0; overrides[i] && len < WORDS - 4; i++) {
        words[len++] = "-s";
        words[len++] = overrides[i];
    }
    words[len++] = "carry";
    words[len++] = kind;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return;
    self->pid = fork();
    if (self->pid == 0)
        s_become(ends[1], words);
    close(ends[1]);
    self->fd = ends[0];
}

void beside_end(beside_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    if (self->pid > 0)
        while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    *self = (beside_t){.fd = -1, .pid = -1};
}
