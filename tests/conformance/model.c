#include "tests/conformance/model.h"

#include <assert.h>

static uint64_t s_find_id(const model_t *self, unsigned id)
{
    for (unsigned i = self->len; i > 0; i--)
        if (self->records[i - 1].id == id)
            return i;
    return 0;
}

static unsigned s_bit(journal_outcome_t outcome)
{
    return 1u << outcome;
}

/* What becomes of one whose id is not known. */
static unsigned s_new(const model_t *self, const offer_t *offer, bool room, uint64_t *log)
{
    const model_key_t *key = &self->keys[offer->key];
    bool known = offer->key && key->log && self->running_ms - key->running_ms < JOURNAL_KEY_MS;
    uint64_t live = 0, rows = 0;
    if (known && key->hash == offer->hash) {
        *log = key->log;
        return s_bit(JOURNAL_REPLAYED);
    }
    if (known)
        return s_bit(JOURNAL_REUSED);
    if (offer->refused)
        return s_bit(JOURNAL_REFUSED);
    if (!room)
        return s_bit(JOURNAL_NO_ROOM);
    for (unsigned i = 1; i <= MODEL_KEYS; i++) {
        rows += self->keys[i].log > 0;
        live += self->keys[i].log && self->running_ms - self->keys[i].running_ms < JOURNAL_KEY_MS;
    }
    *log = self->len + 1;
    if (!offer->key || rows < self->options.keys)
        return s_bit(JOURNAL_STORED);
    /* Rows of keys that have expired count until they are removed. */
    return live >= self->options.keys ? s_bit(JOURNAL_NO_KEYS)
                                      : s_bit(JOURNAL_STORED) | s_bit(JOURNAL_NO_KEYS);
}

unsigned model_allows(const model_t *self, const offer_t *offer, bool room, uint64_t *log)
{
    uint64_t seen = s_find_id(self, offer->id);
    unsigned allowed = 0;
    *log = 0;
    if (!seen || self->running_ms - self->records[seen - 1].running_ms >= JOURNAL_ID_MS)
        allowed = s_new(self, offer, room, log);
    return seen ? allowed | s_bit(JOURNAL_RESENT) : allowed;
}

static uint64_t s_next_sequence(const model_t *self, unsigned target)
{
    uint64_t sequence = 1;
    for (unsigned i = 0; i < self->len; i++)
        sequence += self->records[i].target == target;
    return sequence;
}

static model_record_t *s_add(model_t *self, unsigned target, unsigned id, unsigned flags)
{
    assert(self->len < MODEL_RECORDS);
    uint64_t sequence = s_next_sequence(self, target);
    model_record_t *record = &self->records[self->len++];
    *record = (model_record_t){.target = target,
                               .id = id,
                               .flags = flags,
                               .sequence = sequence,
                               .running_ms = self->running_ms};
    return record;
}

void model_store(model_t *self, const offer_t *offer)
{
    unsigned flags = RECORD_EVENT | (offer->deliver ? RECORD_DELIVER : 0);
    model_record_t *record = s_add(self, offer->target, offer->id, flags);
    record->answer = offer->answer;
    record->time_ms = offer->time_ms;
    if (offer->key)
        self->keys[offer->key] = (model_key_t){self->len, offer->hash, self->running_ms};
    if (!offer->deliver)
        return;
    record->state = OUTBOX_PENDING;
    record->order = record->due_ms = record->stored_ms = self->running_ms;
}

static void s_outcome(model_record_t *item, const model_note_t *note)
{
    if (note->attempted) {
        assert(item->attempts < MODEL_ATTEMPTS);
        item->status[item->attempts++] = (uint8_t)note->status;
        item->first_ms = item->made == 0 ? note->now_ms : item->first_ms;
        item->made++;
    }
    item->state = note->state;
    if (note->state != OUTBOX_PENDING) {
        item->done_ms = note->now_ms;
        return;
    }
    item->due_ms = note->due_ms;
    item->order = note->keeps_place ? item->order : note->due_ms;
}

static void s_apply_item(model_t *self, const model_note_t *note)
{
    if (note->log == 0 || note->log > self->len)
        return;
    model_record_t *item = model_at(self, note->log);
    if (!item->state || item->target != note->target)
        return;
    if (note->kind == NOTE_REVIVE) {
        item->state = OUTBOX_PENDING;
        item->made = 0;
        item->order = item->due_ms = note->now_ms;
        item->first_ms = 0;
        return;
    }
    if (note->replies && !item->replied) {
        item->replied = true;
        s_add(self, item->target, (unsigned)note->log + MODEL_REPLY, RECORD_MESSAGE | RECORD_REPLY);
    }
    s_outcome(item, note);
}

void model_apply(model_t *self, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const model_note_t *note = &self->notes[i];
        if (note->kind == NOTE_HANDLER)
            self->handlers[note->target] = note->bytes;
        else if (note->kind == NOTE_HEALTH)
            self->health[note->target] = note->bytes;
        else
            s_apply_item(self, note);
    }
    self->notes_len = 0;
}

static bool s_is_old(const model_t *self, const model_record_t *record, uint64_t soon_ms)
{
    uint64_t age_ms = self->running_ms + soon_ms - record->running_ms;
    return age_ms >= JOURNAL_ID_MS && record->state != OUTBOX_PENDING &&
           (age_ms >= self->options.retention_ms || self->options.retention_bytes > 0);
}

/* In the order of the log, none of which is passed over. */
bool model_may_retire(const model_t *self, uint64_t log, uint64_t soon_ms)
{
    for (uint64_t i = 0; i < log; i++)
        if (!self->records[i].retired && !s_is_old(self, &self->records[i], soon_ms))
            return false;
    return true;
}

bool model_may_forget(const model_t *self, uint64_t log, uint64_t soon_ms)
{
    const model_record_t *item = &self->records[log - 1];
    bool ended = item->state == OUTBOX_DELIVERED || item->state == OUTBOX_DEAD;
    return model_may_retire(self, log, soon_ms) ||
           (ended &&
            self->running_ms + soon_ms - item->done_ms >= self->options.delivery_retention_ms);
}
