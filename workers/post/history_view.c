/* What is shown of messages: all revisions or the last, threads or none, one thread. */
#include "workers/post/history.h"

/* The digits up to END; false when there are none, or too many. */
static bool s_digits(slice_t *text, char end, uint64_t *number)
{
    enum { MOST = 18 };
    size_t i = 0;
    for (*number = 0; i < text->len && text->data[i] >= '0' && text->data[i] <= '9' && i < MOST;
         i++)
        *number = *number * 10 + (uint64_t)(text->data[i] - '0');
    bool good = i > 0 && (i == text->len ? !end : text->data[i] == end);
    *text = good && end ? slice(text->data + i + 1, text->len - i - 1) : slice("", 0);
    return good;
}

bool history_name(slice_t text, journal_name_t *name)
{
    uint64_t time_ms, number;
    if (!s_digits(&text, '_', &time_ms) || !s_digits(&text, '\0', &number) || number == 0)
        return false;
    *name = (journal_name_t){number, (int64_t)time_ms};
    return true;
}

static bool s_read_thread(job_t *job)
{
    slice_t value;
    reading_t *reading = job->reading;
    if (!job_param(job, "thread", &value))
        return !job->error;
    if (!history_name(value, &reading->history.thread) &&
        !history_number(job, "thread", INT64_MAX, &reading->history.view.thread))
        job_refuse(job, ERROR_invalid_param,
                   "thread must be the id or the sequence of the message that it is about.");
    return !job->error;
}

/* Of two words the one that a parameter says; false: neither. */
static bool s_read_word(job_t *job, const char *name, const char *on, const char *off, bool *is)
{
    slice_t value;
    if (!job_param(job, name, &value))
        return true;
    *is = slice_is(value, on);
    return *is || slice_is(value, off);
}

/* What is narrowed to others is the owner's to read, and the operator's, who has no user. */
static bool s_read_narrowed(job_t *job)
{
    const wire_request_t *request = job->request;
    bool owns = slice_is(request->handler, WIRE_OWNER) || uuid_is_nil(&request->principal.user);
    bool *whole = &job->reading->history.view.whole;
    if (!s_read_word(job, "narrowed", "all", "own", whole))
        job_refuse_param(job, "narrowed", "must be all or own.");
    else if (*whole && !owns)
        job_refuse(job, ERROR_not_allowed,
                   "What is narrowed to others is shown to the owner of the target alone.");
    return !job->error;
}

bool history_read_view(job_t *job)
{
    journal_view_t *view = &job->reading->history.view;
    if (!s_read_word(job, "revisions", "1", "0", &view->revisions))
        job_refuse(job, ERROR_invalid_param, "revisions must be 1 or 0.");
    else if (!s_read_word(job, "threads", "none", "all", &view->no_threads))
        job_refuse(job, ERROR_invalid_param, "threads must be all or none.");
    return !job->error && s_read_narrowed(job) && s_read_thread(job);
}

typedef struct {
    uint64_t sequence;
    bool found;
} stands_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    stands_t *self = arg;
    (void)log;
    self->found = record->sequence == self->sequence;
    return false;
}

static bool s_stands(reading_t *self, journal_reader_t *reader, const journal_view_t *view,
                     uint64_t sequence)
{
    journal_range_t range;
    stands_t stands = {sequence, false};
    journal_read_messages(reader, &self->target, sequence, view, &range, s_each, &stands);
    return stands.found;
}

/* Whether the message that the thread is about is there, for others than who reads. */
static bool s_is_hidden(reading_t *self, journal_reader_t *reader)
{
    const journal_view_t own = {.reader = self->history.view.reader}, all = {.whole = true};
    uint64_t sequence = journal_find(reader, &self->target, &self->history.thread);
    return sequence && !self->history.view.whole && !s_stands(self, reader, &own, sequence) &&
           s_stands(self, reader, &all, sequence);
}

bool history_find_thread(reading_t *self, journal_reader_t *reader)
{
    const journal_name_t *name = &self->history.thread;
    if (name->number == 0)
        return true;
    self->history.view.thread = journal_find_root(reader, &self->target, name);
    if (self->history.view.thread && s_is_hidden(self, reader))
        self->history.view.thread = 0;
    if (self->history.view.thread == 0)
        reading_refuse(self, ERROR_unknown_message, NULL);
    return self->history.view.thread != 0;
}
