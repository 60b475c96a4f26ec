/* What a reading of messages asks for: its parameters, and what they mean for one target. */
#include "common/base/clock.h"
#include "common/base/moment.h"
#include "workers/post/history.h"
#include "workers/post/search.h"

static const char *const s_known[] = {
#define PARAM(name, of) PARAM_##of(name)
#define PARAM_HISTORY(name) name,
#define PARAM_BOTH(name) name,
#define PARAM_QUERY(name) name,
#include "common/read_params.def"
};

bool history_digits(slice_t text, uint64_t max, uint64_t *number)
{
    uint64_t read = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9' || read > (max - (uint64_t)(c - '0')) / 10)
            return false;
        read = read * 10 + (uint64_t)(c - '0');
    }
    *number = read;
    return text.len > 0 && read >= 1;
}

bool history_number(job_t *job, const char *name, uint64_t max, uint64_t *number)
{
    slice_t value;
    return !job_param(job, name, &value) || history_digits(value, max, number);
}

static bool s_read_numbers(job_t *job, uint64_t *limit)
{
    reading_t *reading = job->reading;
    if (!history_number(job, "limit", HISTORY_LIMIT, limit))
        job_refuse_param(job, "limit", "must be a number from 1 to 1000.");
    else if (!history_number(job, "last", INT64_MAX, &reading->history.last))
        job_refuse_param(job, "last", "must be a number of messages, 1 or more.");
    else if (!history_number(job, "from", INT64_MAX, &reading->history.from))
        job_refuse_param(job, "from", "must be the sequence of a message, 1 or more.");
    else if (!history_number(job, "before", INT64_MAX, &reading->history.before))
        job_refuse_param(job, "before", "must be the sequence of a message, 1 or more.");
    return !job->error;
}

/* Oldest or newest first. */
static bool s_read_order(job_t *job)
{
    slice_t order;
    job->reading->look = history_look_oldest;
    if (!job_param(job, "order", &order) || slice_is(order, "asc"))
        return !job->error;
    job->reading->look = history_look_newest;
    if (!slice_is(order, "desc"))
        job_refuse_param(job, "order", "must be asc or desc.");
    return !job->error;
}

/* The next of the page before, whichever way the pages go: those of a search end before it. */
static bool s_read_after(job_t *job)
{
    slice_t text;
    reading_t *reading = job->reading;
    bool back = reading->look == history_look_newest || job_param(job, "q", &text);
    uint64_t *place = back ? &reading->history.before : &reading->history.from;
    if (!job_param(job, "after", &text))
        return !job->error;
    if (*place)
        job_refuse_param(job, "after", "stands for from, or for before with order=desc: give one.");
    else if (!history_digits(text, INT64_MAX, place))
        job_refuse_param(job, "after", "must be the next of the page before.");
    return !job->error;
}

/* How long a page that would be empty is held. */
static bool s_read_wait(job_t *job)
{
    uint64_t wait_s = 0;
    reading_t *reading = job->reading;
    if (!history_number(job, "wait", HISTORY_WAIT_S, &wait_s))
        job_refuse_param(job, "wait", "must be a number of seconds from 1 to 30.");
    else if (wait_s > 0 && reading->look != history_look_oldest)
        job_refuse(job, ERROR_invalid_param,
                   "wait is for pages with the oldest first: leave order=desc out.");
    reading->wait_ms = (int64_t)wait_s * 1000;
    return !job->error;
}

static bool s_read_time(job_t *job, const char *name, int64_t now_ms, int64_t *time_ms)
{
    slice_t text;
    *time_ms = -1;
    if (job_param(job, name, &text) && (*time_ms = moment_parse(text, now_ms)) < 0)
        job_refuse(job, ERROR_invalid_param, "since and until must each be " MOMENT_FORMS ".");
    return !job->error;
}

void history_prepare(job_t *job)
{
    reading_t *reading = reading_new(job);
    int64_t now_ms = clock_wall_ms();
    uint64_t limit = 0;
    if (job_knows(job, s_known, sizeof s_known / sizeof *s_known) && s_read_numbers(job, &limit) &&
        s_read_order(job) && s_read_after(job) && s_read_wait(job) && history_read_view(job) &&
        s_read_time(job, "since", now_ms, &reading->history.since_ms))
        s_read_time(job, "until", now_ms, &reading->history.until_ms);
    if (limit == 0)
        limit = reading->history.last ? reading->history.last : HISTORY_LIMIT_DEFAULT;
    reading->history.limit = limit < HISTORY_LIMIT ? (unsigned)limit : HISTORY_LIMIT;
    if (!job->error)
        search_prepare(job);
    if (job->error)
        job->kind = JOB_REFUSED;
}

void history_bounds(const reading_t *self, journal_reader_t *reader, history_bounds_t *bounds)
{
    uint64_t since = 0, until = UINT64_MAX, last = self->history.last;
    *bounds = (history_bounds_t){self->history.from, UINT64_MAX};
    if (self->history.before)
        bounds->before = self->history.before;
    if (self->history.since_ms >= 0)
        since = journal_at_time(reader, &self->target, self->history.since_ms);
    if (self->history.until_ms >= 0)
        until = journal_at_time(reader, &self->target, self->history.until_ms);
    if (since > bounds->from)
        bounds->from = since;
    if (until < bounds->before)
        bounds->before = until;
    if (!last)
        return;
    journal_range_t among;
    journal_range(reader, &self->target, &among);
    if (bounds->before <= among.last)
        among.last = bounds->before - 1;
    if (bounds->from > among.first)
        among.first = bounds->from;
    if (among.first > 0)
        bounds->from = history_begin(reader, &self->target, &self->history.view, &among, last);
}
