#include "ctl/host/interval.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

static void s_ends(sigset_t *ends)
{
    sigemptyset(ends);
    sigaddset(ends, SIGINT);
    sigaddset(ends, SIGTERM);
    sigaddset(ends, SIGHUP);
}

void interval_begin(void)
{
    sigset_t ends;
    s_ends(&ends);
    sigprocmask(SIG_BLOCK, &ends, NULL);
}

bool interval_wait(unsigned seconds)
{
    struct timespec left = {.tv_sec = seconds};
    sigset_t ends;
    int got;
    s_ends(&ends);
    while ((got = sigtimedwait(&ends, NULL, &left)) < 0 && errno == EINTR) {
    }
    return got > 0;
}
