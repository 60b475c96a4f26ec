#include "workers/delivery/lane.h"

#include "common/base/clock.h"
#include "common/monitor/monitor.h"

#include <stdlib.h>

enum {
    APART_MS = 1000, /* between two counts, or longer: */
    SHARE = 20,      /* one takes at most so much of the time, as one of so many parts */
};

struct tally {
    journal_t *journal;
    outbox_tally_t sums;
    bool begun, more;
    outbox_counts_t counts;
    int64_t began_ms, next_ms; /* when the next begins; clock_ms () */
    bool asked;                /* all above is the journal's thread's, but these times */
    bool left;                 /* nobody has it any more */
};

tally_t *tally_new(void)
{
    tally_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    return self;
}

void tally_destroy(tally_t **self_p)
{
    tally_t *self = *self_p;
    *self_p = NULL;
    if (self && self->asked)
        self->left = true;
    else
        free(self);
}

static void s_walk(void *arg, journal_reader_t *reader)
{
    tally_t *self = arg;
    self->more = journal_tally(reader, &self->sums);
    if (!self->more)
        self->counts = journal_outbox_counts(reader);
}

static void s_tell(const tally_t *self)
{
    uint64_t pending = self->counts.pending;
    uint64_t delayed = self->sums.delayed < pending ? self->sums.delayed : pending;
    metric_set(METRIC_deliveries_due, (int64_t)(pending - delayed));
    metric_set(METRIC_deliveries_delayed, (int64_t)delayed);
    metric_set(METRIC_deliveries_dead, (int64_t)self->counts.dead);
    metric_set(METRIC_delivery_oldest_seconds,
               (int64_t)(journal_running_ms(self->journal, clock_ms()) - self->sums.oldest_ms));
}

/* Of a count that met damage, which the log has, nothing is told. */
static void s_walked(void *arg, journal_asked_t how)
{
    tally_t *self = arg;
    self->asked = false;
    if (self->left) {
        free(self);
        return;
    }
    self->begun = how == JOURNAL_READ && self->more;
    if (self->begun)
        return;
    int64_t next_ms = self->began_ms + SHARE * (clock_ms() - self->began_ms);
    if (next_ms > self->next_ms)
        self->next_ms = next_ms;
    if (how == JOURNAL_READ)
        s_tell(self);
}

void tally_step(tally_t *self, journal_t *journal, int64_t now_ms, uint64_t running_ms)
{
    if (self->asked || (!self->begun && now_ms < self->next_ms))
        return;
    if (!self->begun)
        *self = (tally_t){.journal = journal,
                          .begun = true,
                          .sums = {.now_ms = running_ms, .oldest_ms = running_ms},
                          .began_ms = clock_ms(),
                          .next_ms = now_ms + APART_MS};
    self->asked = journal_ask(journal, s_walk, s_walked, self);
}

void tally_attempt(const call_t *call, bool good)
{
    metric_observe_us(METRIC_delivery_seconds, call->duration_us);
    if (good)
        metric_add(METRIC_delivered_total, 1);
    else if (call->outcome == CALL_ANSWERED)
        metric_add(METRIC_delivery_refused_total, 1);
    else
        metric_add(METRIC_delivery_failed_total, 1);
}
