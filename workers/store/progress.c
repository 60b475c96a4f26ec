#include "workers/store/progress.h"

#include "common/base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { LINE_MS = 5000, TERMINAL_MS = 200, LOOK = 256 /* records between two looks at the clock */ };

void progress_begin(progress_t *self, const char *name, uint64_t all)
{
    *self = (progress_t){.all = all, .terminal = isatty(STDERR_FILENO)};
    snprintf(self->name, sizeof self->name, "%s", name);
    self->began_ms = self->said_ms = clock_ms();
}

static void s_say(progress_t *self, int64_t now_ms)
{
    uint64_t ms = (uint64_t)(now_ms - self->began_ms) + 1;
    uint64_t rate = self->records * 1000 / ms;
    uint64_t left = self->all > self->records ? self->all - self->records : 0;
    fprintf(stderr, "%s%s: %llu of about %llu messages, %llu MiB, %llu/s, %llu s left%s",
            self->terminal ? "\r" : "", self->name, (unsigned long long)self->records,
            (unsigned long long)self->all, (unsigned long long)self->bytes >> 20,
            (unsigned long long)rate, (unsigned long long)(left / (rate ? rate : 1)),
            self->terminal ? "\033[K" : "\n");
    fflush(stderr);
    self->said_ms = now_ms;
}

void progress_add(progress_t *self, size_t bytes)
{
    self->bytes += bytes;
    if (++self->records % LOOK != 0)
        return;
    int64_t now_ms = clock_ms();
    if (now_ms - self->said_ms >= (self->terminal ? TERMINAL_MS : LINE_MS))
        s_say(self, now_ms);
}

void progress_end(progress_t *self)
{
    if (self->terminal && self->said_ms != self->began_ms)
        fputs("\r\033[K", stderr);
}
