#include "workers/journal_outbox_rows.h"

#include <assert.h>
#include <stdlib.h>

struct note {
    struct note *next;
    uint64_t number;
    journal_note_t note;
    char bytes[];
};

static slice_t s_cut(slice_t text, size_t most)
{
    return slice(text.data, text.len < most ? text.len : most);
}

uint64_t journal_note(journal_t *self, const journal_note_t *given)
{
    notes_t *notes = &self->notes;
    bool kept = given->kind == NOTE_HANDLER || given->kind == NOTE_HEALTH;
    slice_t bytes = kept ? given->bytes : s_cut(given->attempt.answer, OUTBOX_ANSWER);
    assert(bytes.len <= OUTBOX_NOTE_BYTES);
    note_t *note = calloc(1, sizeof *note + bytes.len);
    if (!note)
        abort();
    note->note = *given;
    if (bytes.len > 0)
        memcpy(note->bytes, bytes.data, bytes.len);
    bytes = slice(note->bytes, bytes.len);
    note->note.bytes = kept ? bytes : slice("", 0);
    note->note.attempt.answer = kept ? slice("", 0) : bytes;
    note->number = ++notes->given;
    pthread_mutex_lock(&notes->lock);
    *notes->waiting_end = note;
    notes->waiting_end = &note->next;
    pthread_mutex_unlock(&notes->lock);
    return notes->given;
}

bool notes_wait(journal_t *self)
{
    notes_t *notes = &self->notes;
    pthread_mutex_lock(&notes->lock);
    bool wait = notes->waiting != NULL;
    pthread_mutex_unlock(&notes->lock);
    return wait;
}

bool journal_has_notes(journal_t *self)
{
    return notes_wait(self);
}

uint64_t journal_noted(const journal_t *self)
{
    return atomic_load(&self->notes.committed);
}

static int s_apply(pass_t *pass, const note_t *note)
{
    int rc = 0;
    for (; note && rc == 0; note = note->next)
        rc = outbox_apply(pass, &note->note);
    return rc;
}

int notes_take(pass_t *pass)
{
    notes_t *notes = &pass->journal->notes;
    pthread_mutex_lock(&notes->lock);
    note_t *taken = notes->waiting;
    if (taken) {
        *notes->applied_end = taken;
        notes->applied_end = notes->waiting_end;
        notes->waiting = NULL;
        notes->waiting_end = &notes->waiting;
    }
    pthread_mutex_unlock(&notes->lock);
    return s_apply(pass, taken);
}

int notes_again(pass_t *pass)
{
    return s_apply(pass, pass->journal->notes.applied);
}

void notes_give_back(journal_t *self)
{
    notes_t *notes = &self->notes;
    if (!notes->applied)
        return;
    pthread_mutex_lock(&notes->lock);
    *notes->applied_end = notes->waiting;
    if (!notes->waiting)
        notes->waiting_end = notes->applied_end;
    notes->waiting = notes->applied;
    pthread_mutex_unlock(&notes->lock);
    notes->applied = NULL;
    notes->applied_end = &notes->applied;
}

static uint64_t s_free(note_t *note)
{
    uint64_t number = 0;
    while (note) {
        note_t *next = note->next;
        number = note->number;
        free(note);
        note = next;
    }
    return number;
}

void notes_committed(journal_t *self)
{
    notes_t *notes = &self->notes;
    uint64_t number = s_free(notes->applied);
    notes->applied = NULL;
    notes->applied_end = &notes->applied;
    if (number)
        atomic_store(&notes->committed, number);
}

void notes_drop(journal_t *self)
{
    s_free(self->notes.applied);
    s_free(self->notes.waiting);
}
