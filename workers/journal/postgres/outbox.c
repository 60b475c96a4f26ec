/* outbox.h, as a journal of channels has it: nobody is called for its records, so there are no
 * items, and nothing is noted. */
#include "workers/journal/outbox.h"
#include "workers/journal/postgres/postgres.h"

#include <assert.h>
#include <stdlib.h>

uint64_t journal_note(journal_t *self, const journal_note_t *note)
{
    (void)self, (void)note;
    assert(!"a journal of channels takes no notes");
    abort();
}

bool journal_has_notes(journal_t *self)
{
    (void)self;
    return false;
}

uint64_t journal_noted(const journal_t *self)
{
    (void)self;
    return 0;
}

uint64_t journal_committed(const journal_t *self)
{
    return atomic_load(&self->committed_log);
}

uint64_t journal_running_ms(journal_t *self, int64_t now_ms)
{
    return running_at(self, now_ms);
}

void journal_due(journal_reader_t *self, const outbox_place_t *from, outbox_due_fn each, void *arg)
{
    (void)self, (void)from, (void)each, (void)arg;
}

void journal_items(journal_reader_t *self, const uuid_t7 *target, uint64_t until, bool dead_only,
                   outbox_item_fn each, void *arg)
{
    (void)self, (void)target, (void)until, (void)dead_only, (void)each, (void)arg;
}

bool journal_item_target(journal_reader_t *self, const uuid_t7 *after, bool dead_only,
                         uuid_t7 *target)
{
    (void)self, (void)after, (void)dead_only, (void)target;
    return false;
}

void journal_dead(journal_reader_t *self, const uuid_t7 *target, uint64_t from, outbox_item_fn each,
                  void *arg)
{
    (void)self, (void)target, (void)from, (void)each, (void)arg;
}

bool journal_item(journal_reader_t *self, const uuid_t7 *target, uint64_t log, outbox_item_t *item)
{
    (void)self, (void)target, (void)log, (void)item;
    return false;
}

void journal_attempts(journal_reader_t *self, uint64_t log, outbox_attempt_fn each, void *arg)
{
    (void)self, (void)log, (void)each, (void)arg;
}

bool journal_record(journal_reader_t *self, uint64_t log, outbox_record_fn each, void *arg)
{
    (void)self, (void)log, (void)each, (void)arg;
    return false;
}

void journal_handlers(journal_reader_t *self, outbox_kept_fn each, void *arg)
{
    (void)self, (void)each, (void)arg;
}

void journal_health(journal_reader_t *self, outbox_kept_fn each, void *arg)
{
    (void)self, (void)each, (void)arg;
}

outbox_counts_t journal_outbox_counts(journal_reader_t *self)
{
    (void)self;
    return (outbox_counts_t){0};
}
