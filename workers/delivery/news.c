#include "workers/delivery/news.h"

#include "common/stream/hint.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uuid_t7 target;
    uint64_t log, note;
    const char *outcome; /* a constant text, or NULL */
    uint16_t status;
    uint8_t state;
} change_t;

struct news {
    uint32_t instance; /* of the numbers; not 0 */
    uint64_t len;      /* since ever */
    change_t kept[NEWS_KEPT];
};

news_t *news_new(void)
{
    news_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->instance = (uint32_t)uuid_instance() | 1;
    return self;
}

void news_destroy(news_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

void news_add(news_t *self, const uuid_t7 *target, uint64_t log, uint64_t note,
              outbox_state_t state, const char *outcome, unsigned status)
{
    self->kept[self->len++ % NEWS_KEPT] = (change_t){.target = *target,
                                                     .log = log,
                                                     .note = note,
                                                     .outcome = outcome,
                                                     .status = (uint16_t)status,
                                                     .state = (uint8_t)state};
}

static void s_write(const change_t *change, bytes_t *rows)
{
    static const char *const states[] = {
        [OUTBOX_PENDING] = "pending", [OUTBOX_DELIVERED] = "delivered", [OUTBOX_DEAD] = "dead"};
    char json[256], outcome[64] = "null", status[16] = "null";
    if (change->outcome)
        snprintf(outcome, sizeof outcome, "\"%s\"", change->outcome);
    if (change->status)
        snprintf(status, sizeof status, "%u", change->status);
    snprintf(json, sizeof json, "{\"number\":%llu,\"state\":\"%s\",\"outcome\":%s,\"status\":%s}",
             (unsigned long long)change->log, states[change->state], outcome, status);
    hint_t hint = {.event = EVENT_delivery,
                   .key = change->target,
                   .stamp = change->log,
                   .json = slice_of(json)};
    hint_write(&hint, rows);
}

/* Whether what asks for the delivery sees the change. */
static bool s_is_committed(const change_t *change, const journal_t *journal)
{
    return change->note <= journal_noted(journal) && change->log < journal_committed(journal);
}

/* Those behind ask->after, up to the first that is not committed. */
static void s_tell(const news_t *self, const journal_t *journal, const ask_t *ask,
                   const interest_t *targets, found_t *found, bytes_t *rows)
{
    for (found->after = ask->after; found->after < self->len; found->after++) {
        const change_t *change = &self->kept[found->after % NEWS_KEPT];
        if (!s_is_committed(change, journal))
            return;
        if (!interest_has(targets, &change->target))
            continue;
        if (found->count == HINT_ROWS) {
            found->reset = RESET_EXPIRED;
            found->count = 0;
            rows->len = 0;
            found->after = self->len;
            return;
        }
        s_write(change, rows);
        found->count++;
    }
}

void news_tell(const news_t *self, const journal_t *journal, const ask_t *ask,
               const interest_t *targets, found_t *found, bytes_t *rows)
{
    bool same = ask->generation == self->instance && ask->after <= self->len;
    bool kept = same && self->len - ask->after <= NEWS_KEPT;
    *found = (found_t){.kind = FOUND_HINTS, .generation = self->instance, .after = self->len};
    if (kept)
        s_tell(self, journal, ask, targets, found, rows);
    else if (ask->generation != 0)
        found->reset = same ? RESET_EXPIRED : RESET_REPLACED;
}
