#include "common/link/own_pid.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int s_pid; /* 0: not known */

static void s_forget(void)
{
    atomic_store(&s_pid, 0);
}

void own_pid_keep(void)
{
    if (pthread_atfork(NULL, NULL, s_forget) != 0)
        abort();
    atomic_store(&s_pid, getpid());
}

pid_t getpid(void)
{
    pid_t pid = atomic_load_explicit(&s_pid, memory_order_relaxed);
    return pid ? pid : (pid_t)syscall(SYS_getpid);
}
