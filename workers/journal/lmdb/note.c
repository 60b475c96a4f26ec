#include "workers/journal/lmdb/outbox_rows.h"

#include <stdint.h>

uint64_t journal_note(journal_t *self, const journal_note_t *given)
{
    if (notes_add(&self->notes, given)) /* else the writer knows of those before it */
        writer_nudge(self->writer);
    return self->notes.given;
}

bool journal_has_notes(journal_t *self)
{
    return notes_wait(&self->notes);
}

uint64_t journal_noted(const journal_t *self)
{
    return notes_noted(&self->notes);
}

int outbox_take_notes(pass_t *pass, uint64_t until)
{
    int rc = 0;
    const note_t *note = notes_take(&pass->journal->notes, until, SIZE_MAX);
    for (; note && rc == 0; note = STAILQ_NEXT(note, link))
        rc = outbox_apply(pass, &note->note);
    return rc;
}
