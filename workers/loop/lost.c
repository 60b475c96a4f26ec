#include "workers/loop/lost.h"

#include "common/base/wake.h"
#include "common/log/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static int s_fd = -1;
static atomic_bool s_lost;
static pthread_t s_main;

void lost_begin(void)
{
    s_main = pthread_self();
    s_fd = wake_new();
    if (s_fd < 0)
        abort();
}

int lost_fd(void)
{
    return s_fd;
}

bool lost_is(void)
{
    return atomic_load(&s_lost);
}

void lost_leave(link_t **links, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        link_destroy(&links[i]);
    _exit(EXIT_FAULT);
}

void lost_tell(void)
{
    atomic_store(&s_lost, true);
    if (s_fd < 0 || pthread_equal(pthread_self(), s_main))
        return;
    wake_ring(s_fd);
    sleep(1);
}
