#include "authd/copies/copies.h"

#include "common/monitor/monitor.h"

const char *copies_engine(void)
{
    return "lmdb";
}

bool copies_wait(void)
{
    return false;
}

int copies_open(copies_t **self_p, const conf_start_t *start, directory_t *directory, char *err,
                size_t err_size)
{
    (void)start, (void)directory, (void)err, (void)err_size;
    static const metric_t none[] = {METRIC_copies_joined, METRIC_copies_lag,
                                    METRIC_copies_wait_seconds, METRIC_copy_beat_seconds,
                                    METRIC_copy_leads};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        metric_set(none[i], 0);
    *self_p = NULL;
    return 0;
}

void copies_close(copies_t **self_p)
{
    *self_p = NULL;
}

bool copies_may_judge(const copies_t *self)
{
    (void)self;
    return true;
}

uint64_t copies_changed(const copies_t *self)
{
    (void)self;
    return 0;
}

bool copies_have(const copies_t *self, uint64_t number)
{
    (void)self, (void)number;
    return true;
}

bool copies_leads(const copies_t *self)
{
    (void)self;
    return true;
}

void copies_used(copies_t *self, const uuid_t7 *token, const token_use_t *use)
{
    (void)self, (void)token, (void)use;
}

void copies_counted(copies_t *self)
{
    (void)self;
}

int copies_fd(const copies_t *self)
{
    (void)self;
    return -1;
}
