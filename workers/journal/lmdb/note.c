#include "workers/journal/lmdb/outbox_rows.h"

#include <assert.h>
#include <stdlib.h>

struct note {
    STAILQ_ENTRY(note) link;
    uint64_t number;
    journal_note_t note;
    record_t reply;
    char bytes[];
};

static slice_t s_cut(slice_t text, size_t most)
{
    return slice(text.data, text.len < most ? text.len : most);
}

/* Copies what a slice points to; the next free byte. */
static char *s_copy(slice_t *text, char *to)
{
    if (text->len > 0)
        memcpy(to, text->data, text->len);
    text->data = to;
    return to + text->len;
}

/* A copy of GIVEN in one piece. */
static note_t *s_note(const journal_note_t *given)
{
    journal_note_t copy = *given;
    record_t reply = given->reply ? *given->reply : (record_t){0};
    bool kept = given->kind != NOTE_OUTCOME && given->kind != NOTE_REVIVE;
    copy.bytes = kept ? given->bytes : slice("", 0);
    bool whole = given->whole && given->attempt.answer.len <= OUTBOX_WHOLE;
    copy.attempt.answer =
        kept ? slice("", 0) : s_cut(given->attempt.answer, whole ? OUTBOX_WHOLE : OUTBOX_ANSWER);
    copy.attempt.trace = kept ? slice("", 0) : given->attempt.trace;
    assert(copy.bytes.len <= OUTBOX_NOTE_BYTES && copy.attempt.trace.len <= OUTBOX_TRACE);
    slice_t *texts[] = {&copy.bytes,    &copy.attempt.trace, &copy.attempt.answer,
                        &reply.name,    &reply.access,       &reply.params,
                        &reply.headers, &reply.body,         &reply.audience};
    size_t len = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        len += texts[i]->len;
    note_t *note = calloc(1, sizeof *note + len);
    if (!note)
        abort();
    char *to = note->bytes;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        to = s_copy(texts[i], to);
    note->note = copy;
    note->reply = reply;
    note->note.reply = given->reply ? &note->reply : NULL;
    return note;
}

uint64_t journal_note(journal_t *self, const journal_note_t *given)
{
    notes_t *notes = &self->notes;
    note_t *note = s_note(given);
    note->number = ++notes->given;
    pthread_mutex_lock(&notes->lock);
    bool first = STAILQ_EMPTY(&notes->waiting);
    STAILQ_INSERT_TAIL(&notes->waiting, note, link);
    pthread_mutex_unlock(&notes->lock);
    if (first) /* else the writer knows of those before it */
        writer_nudge(self->writer);
    return notes->given;
}

size_t notes_replies(journal_t *self, journal_entry_t entries[NOTES_REPLIES], uint64_t *until)
{
    size_t count = 0;
    *until = 0;
    pthread_mutex_lock(&self->notes.lock);
    const note_t *note;
    STAILQ_FOREACH (note, &self->notes.waiting, link) {
        if (note->note.reply && count == NOTES_REPLIES)
            break;
        if (note->note.reply)
            entries[count++] = (journal_entry_t){
                .record = note->reply,
                .about = note->note.reply_about,
                .change = record_is_keyed(&note->reply) ? CHANGE_KEYED : CHANGE_NONE};
        *until = note->number;
    }
    pthread_mutex_unlock(&self->notes.lock);
    return count;
}

bool journal_has_notes(journal_t *self)
{
    notes_t *notes = &self->notes;
    pthread_mutex_lock(&notes->lock);
    bool wait = !STAILQ_EMPTY(&notes->waiting);
    pthread_mutex_unlock(&notes->lock);
    return wait;
}

uint64_t journal_noted(const journal_t *self)
{
    return atomic_load(&self->notes.committed);
}

static int s_apply(pass_t *pass, const note_t *note)
{
    int rc = 0;
    for (; note && rc == 0; note = STAILQ_NEXT(note, link))
        rc = outbox_apply(pass, &note->note);
    return rc;
}

int notes_take(pass_t *pass, uint64_t until)
{
    notes_t *notes = &pass->journal->notes;
    note_list_t taken = STAILQ_HEAD_INITIALIZER(taken);
    pthread_mutex_lock(&notes->lock);
    for (note_t *note; (note = STAILQ_FIRST(&notes->waiting)) && note->number <= until;) {
        STAILQ_REMOVE_HEAD(&notes->waiting, link);
        STAILQ_INSERT_TAIL(&taken, note, link);
    }
    pthread_mutex_unlock(&notes->lock);
    const note_t *first = STAILQ_FIRST(&taken);
    STAILQ_CONCAT(&notes->applied, &taken);
    return s_apply(pass, first);
}

void notes_give_back(journal_t *self)
{
    notes_t *notes = &self->notes;
    pthread_mutex_lock(&notes->lock);
    STAILQ_CONCAT(&notes->applied, &notes->waiting);
    STAILQ_CONCAT(&notes->waiting, &notes->applied);
    pthread_mutex_unlock(&notes->lock);
}

/* The number of the last one; 0: there was none. */
static uint64_t s_free(note_list_t *list)
{
    uint64_t number = 0;
    for (note_t *note; (note = STAILQ_FIRST(list));) {
        STAILQ_REMOVE_HEAD(list, link);
        number = note->number;
        free(note);
    }
    return number;
}

void notes_committed(journal_t *self)
{
    uint64_t number = s_free(&self->notes.applied);
    if (number)
        atomic_store(&self->notes.committed, number);
}

void notes_drop(journal_t *self)
{
    s_free(&self->notes.applied);
    s_free(&self->notes.waiting);
}
