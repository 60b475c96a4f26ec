/* Runs a function in a child process and captures what it prints: for code that exits. */
#ifndef POSTERN_TEST_CHILD_H
#define POSTERN_TEST_CHILD_H

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The exit status of BODY's process, 0 when it returns, 128 and the signal when one ends it. TEXT
 * gets standard output and error, cut at SIZE. */
static inline int child_run(void (*body)(void *arg), void *arg, char *text, size_t size)
{
    int ends[2];
    int rc = pipe(ends);
    assert(rc == 0);
    fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body(arg);
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    char spill[512];
    for (ssize_t n;; len += (size_t)n) {
        char *to = len + 1 < size ? text + len : spill;
        n = read(ends[0], to, to == spill ? sizeof spill : size - 1 - len);
        if (n <= 0)
            break;
        if (to == spill)
            len -= (size_t)n;
    }
    text[len] = '\0';
    close(ends[0]);
    int status;
    pid_t ended = waitpid(pid, &status, 0);
    assert(ended == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
