/* One message, by its id. */
#include "workers/post/history.h"
#include "workers/post/verbs.h"

typedef struct {
    reading_t *reading;
    uint64_t sequence;
    bool found;
} shown_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    shown_t *self = arg;
    self->found = record->sequence == self->sequence;
    if (self->found)
        history_row(&self->reading->body, &self->reading->shard, log, record);
    return false;
}

static void s_look(reading_t *self, journal_reader_t *reader)
{
    journal_range_t range;
    journal_view_t view = self->history.view;
    shown_t shown = {self, journal_find(reader, &self->target, &self->history.thread), false};
    if (shown.sequence)
        journal_read_messages(reader, &self->target, shown.sequence, &view, &range, s_each, &shown);
    if (!shown.found)
        reading_refuse(self, ERROR_unknown_message, NULL);
}

void show_prepare(post_t *post, job_t *job)
{
    slice_t id;
    reading_t *reading = reading_new(job);
    (void)post;
    reading->look = s_look;
    /* The operator names it by a parameter. */
    bool named =
        wire_pairs_find(job->request->headers, WIRE_MESSAGE, &id) || job_param(job, "message", &id);
    if (named && history_name(id, &reading->history.thread))
        return;
    job_refuse(job, ERROR_unknown_message, NULL);
    job->kind = JOB_REFUSED;
}
