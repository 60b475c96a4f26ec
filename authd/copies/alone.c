#include "authd/copies/copies.h"
#include "authd/directory/copy.h"

#include "common/monitor/monitor.h"

#include <stdio.h>

const char *copies_engine(void)
{
    return "lmdb";
}

bool copies_wait(void)
{
    return false;
}

/* What is changed from here on no other host learns of: a server must not take this directory for
 * the copy that it was. */
static int s_leave(directory_t *directory, char *err, size_t err_size)
{
    const copy_mark_t alone = {.number = COPY_ALONE};
    copy_mark_t mark = {.number = 0};
    view_t *view = view_new(directory);
    view_renew(view);
    bool shared = copy_read_mark(view, &mark) && mark.number > 0 && mark.number != COPY_ALONE;
    view_destroy(&view);
    if (!shared)
        return 0;
    view = view_begin_own(directory);
    copy_put_mark(view, &alone);
    view_outcome_t went = view_commit(&view);
    if (went != VIEW_DONE)
        snprintf(err, err_size, "%s", view_outcome_text(went));
    return went == VIEW_DONE ? 0 : -1;
}

int copies_open(copies_t **self_p, const conf_start_t *start, directory_t *directory, char *err,
                size_t err_size)
{
    (void)start;
    static const metric_t none[] = {METRIC_copies_joined, METRIC_copies_lag,
                                    METRIC_copies_wait_seconds, METRIC_copy_beat_seconds,
                                    METRIC_copy_leads};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        metric_set(none[i], 0);
    *self_p = NULL;
    return s_leave(directory, err, err_size);
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

int64_t copies_waits_ms(const copies_t *self, int64_t now_ms)
{
    (void)self, (void)now_ms;
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
