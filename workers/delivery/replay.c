/* Replays: the dead items of a lane are looked for by a thread of the journal, a step at a time. */
#include "workers/delivery/lane.h"

#include <stdlib.h>

enum { LOOKED = 2000 /* most dead items that a step looks at */ };

struct replay_step {
    lane_t *lane; /* NULL: nobody wants it any more */
    uuid_t7 target;
    delivery_replay_t replay;
    unsigned number; /* of the lane's replays */
    uint64_t at, end;
    uint64_t logs[LANE_REPLAYED];
    unsigned len, most, looked;
    uint64_t next; /* where the next step begins; 0: there is no more */
    void (*revive)(void *arg, lane_t *lane, uint64_t log);
    void *arg;
};

void lane_begin_replay(lane_t *self, const delivery_replay_t *replay, const journal_t *journal,
                       int64_t now_ms)
{
    self->replay = *replay;
    self->progress = (delivery_progress_t){.running = true};
    self->tracked_len = 0;
    self->replays++;
    self->replay_at = 0;
    self->replay_end = journal_committed(journal);
    self->replayed_ms = now_ms - 1000 / replay->rate; /* the first one at once */
}

void lane_stop_replay(lane_t *self)
{
    self->progress.running = false;
    self->replays++; /* what is being looked for is nobody's */
}

/* Where LOG stands, or would. */
static unsigned s_place(const lane_t *self, uint64_t log)
{
    unsigned from = 0, to = self->tracked_len;
    while (from < to) {
        unsigned middle = from + (to - from) / 2;
        if (self->tracked[middle] < log)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* They come in their order. */
static void s_track(lane_t *self, uint64_t log)
{
    self->progress.done++;
    if (self->tracked_len == LANE_TRACKED)
        return;
    if (!self->tracked && !(self->tracked = calloc(LANE_TRACKED, sizeof *self->tracked)))
        abort();
    self->tracked[self->tracked_len++] = log;
}

void lane_replay_ended(lane_t *self, uint64_t log, bool dead)
{
    unsigned at = s_place(self, log);
    if (at == self->tracked_len || self->tracked[at] != log)
        return;
    self->progress.failed += dead;
    self->tracked_len--;
    memmove(self->tracked + at, self->tracked + at + 1,
            (self->tracked_len - at) * sizeof *self->tracked);
}

static bool s_each(void *arg, const outbox_item_t *item)
{
    replay_step_t *self = arg;
    if (item->log >= self->end)
        return false;
    if (self->len == self->most || self->looked++ == LOOKED) {
        self->next = item->log;
        return false;
    }
    if (item->time_ms >= self->replay.from_ms && item->time_ms < self->replay.to_ms)
        self->logs[self->len++] = item->log;
    return true;
}

/* The journal's thread. */
static void s_query(void *arg, journal_reader_t *reader)
{
    replay_step_t *self = arg;
    journal_dead(reader, &self->target, self->at, s_each, self);
}

/* A replay ends that met damage, or a server that did not answer: the log has it. */
static void s_done(void *arg, journal_asked_t how)
{
    replay_step_t *self = arg;
    lane_t *lane = self->lane;
    if (lane)
        lane->step = NULL;
    if (lane && lane->replays == self->number && how != JOURNAL_DROPPED) {
        lane->replay_at = self->next;
        if (self->next == 0 || how != JOURNAL_READ)
            lane->progress.running = false;
        for (unsigned i = 0; i < self->len && how == JOURNAL_READ; i++) {
            s_track(lane, self->logs[i]);
            self->revive(self->arg, lane, self->logs[i]);
        }
    }
    free(self);
}

void lane_replay(lane_t *self, journal_t *journal, int64_t now_ms,
                 void (*revive)(void *arg, lane_t *lane, uint64_t log), void *arg)
{
    int64_t rate = self->replay.rate;
    int64_t most = (now_ms - self->replayed_ms) * rate / 1000;
    if (most == 0 || self->step)
        return;
    replay_step_t *step = calloc(1, sizeof *step);
    if (!step)
        abort();
    *step = (replay_step_t){.lane = self,
                            .target = self->target,
                            .replay = self->replay,
                            .number = self->replays,
                            .at = self->replay_at,
                            .end = self->replay_end,
                            .most = most < LANE_REPLAYED ? (unsigned)most : LANE_REPLAYED,
                            .revive = revive,
                            .arg = arg};
    if (!journal_ask(journal, s_query, s_done, step)) {
        free(step);
        return;
    }
    self->step = step;
    self->replayed_ms = most < LANE_REPLAYED ? self->replayed_ms + most * 1000 / rate : now_ms;
}

void lane_leave_replay(lane_t *self)
{
    if (self->step)
        self->step->lane = NULL;
    self->step = NULL;
    free(self->tracked);
    self->tracked = NULL;
}
