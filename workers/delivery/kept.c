/* What a handler has answered to an event of a while ago, or of before a restart: the journal has
 * it with the last attempt. */
#include "workers/delivery/lane.h"

#include "common/base/clock.h"

#include <stdlib.h>

typedef struct {
    waits_t *waits;
    message_t *judge;
    uuid_t7 target;
    uint64_t log;
    unsigned outcome;
    size_t len;
    char answer[OUTBOX_WHOLE];
} kept_t;

/* The last one stands. */
static void s_take(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    kept_t *self = arg;
    (void)number;
    self->outcome = attempt->outcome;
    self->len =
        attempt->answer.len < sizeof self->answer ? attempt->answer.len : sizeof self->answer;
    if (self->len > 0)
        memcpy(self->answer, attempt->answer.data, self->len);
}

/* The journal's thread. */
static void s_query(void *arg, journal_reader_t *reader)
{
    kept_t *self = arg;
    outbox_item_t item;
    if (journal_item(reader, &self->target, self->log, &item) && item.state == OUTBOX_DELIVERED)
        journal_attempts(reader, self->log, s_take, self);
}

static void s_give(kept_t *self, slice_t answer)
{
    json_out_t out = {0};
    bool message;
    if (self->outcome == DELIVERY_ANSWERED_TEXT && answer.len > 0)
        json_quote(&out, answer);
    else
        json_raw(&out, reply_json(self->judge, answer, &message));
    waits_give(self->waits, self->log, slice(out.data, out.len));
    json_free(&out);
}

static void s_done(void *arg, journal_asked_t how)
{
    kept_t *self = arg;
    if (how != JOURNAL_DROPPED)
        s_give(self, slice(self->answer, how == JOURNAL_READ ? self->len : 0));
    free(self);
}

bool kept_ask(waits_t *waits, message_t *judge, journal_t *journal, const uuid_t7 *target,
              uint64_t log)
{
    kept_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->waits = waits;
    self->judge = judge;
    self->target = *target;
    self->log = log;
    if (journal_ask(journal, s_query, s_done, self))
        return true;
    free(self);
    return false;
}
