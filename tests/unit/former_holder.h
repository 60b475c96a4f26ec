/* A process that has a shard until this one takes it over, and goes on then: it must end with 1. */
#ifndef POSTERN_FORMER_HOLDER_H
#define POSTERN_FORMER_HOLDER_H

#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    int there[2], on[2]; /* pipes: that it has the shard, and that it may go on */
    pid_t pid;
} former_t;

/* True in that process, which calls former_lose between what it does before and after, and _exit.
 */
static inline bool former_begin(former_t *self)
{
    assert_int_equal(pipe(self->there), 0);
    assert_int_equal(pipe(self->on), 0);
    self->pid = fork();
    return self->pid == 0;
}

static inline void former_lose(const former_t *self)
{
    char byte = 0;
    if (write(self->there[1], &byte, 1) != 1 || read(self->on[0], &byte, 1) != 1)
        _exit(9);
}

/* Until it has the shard. */
static inline void former_wait(const former_t *self)
{
    char byte;
    assert_int_equal(read(self->there[0], &byte, 1), 1);
}

static inline void former_end(const former_t *self)
{
    int status;
    assert_int_equal(write(self->on[1], "", 1), 1);
    waitpid(self->pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

#endif
