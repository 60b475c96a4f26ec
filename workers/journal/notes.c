#include "workers/journal/notes.h"

#include <assert.h>
#include <stdlib.h>

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

void notes_open(notes_t *self)
{
    pthread_mutex_init(&self->lock, NULL);
    STAILQ_INIT(&self->waiting);
    STAILQ_INIT(&self->applied);
}

bool notes_add(notes_t *self, const journal_note_t *given)
{
    note_t *note = s_note(given);
    note->number = ++self->given;
    pthread_mutex_lock(&self->lock);
    bool first = STAILQ_EMPTY(&self->waiting);
    STAILQ_INSERT_TAIL(&self->waiting, note, link);
    pthread_mutex_unlock(&self->lock);
    return first;
}

bool notes_wait(notes_t *self)
{
    pthread_mutex_lock(&self->lock);
    bool wait = !STAILQ_EMPTY(&self->waiting);
    pthread_mutex_unlock(&self->lock);
    return wait;
}

uint64_t notes_first(notes_t *self)
{
    pthread_mutex_lock(&self->lock);
    const note_t *note = STAILQ_FIRST(&self->waiting);
    uint64_t number = note ? note->number : UINT64_MAX;
    pthread_mutex_unlock(&self->lock);
    return number;
}

uint64_t notes_noted(const notes_t *self)
{
    return atomic_load(&self->committed);
}

size_t notes_replies(notes_t *self, journal_entry_t entries[NOTES_REPLIES], uint64_t *until)
{
    size_t count = 0;
    *until = 0;
    pthread_mutex_lock(&self->lock);
    const note_t *note;
    STAILQ_FOREACH (note, &self->waiting, link) {
        if (note->note.reply && count == NOTES_REPLIES)
            break;
        if (note->note.reply)
            entries[count++] = (journal_entry_t){
                .record = note->reply,
                .about = note->note.reply_about,
                .change = record_is_keyed(&note->reply) ? CHANGE_KEYED : CHANGE_NONE};
        *until = note->number;
    }
    pthread_mutex_unlock(&self->lock);
    return count;
}

const note_t *notes_take(notes_t *self, uint64_t until, size_t most)
{
    note_list_t taken = STAILQ_HEAD_INITIALIZER(taken);
    pthread_mutex_lock(&self->lock);
    for (note_t *note; most > 0 && (note = STAILQ_FIRST(&self->waiting)) && note->number <= until;
         most--) {
        STAILQ_REMOVE_HEAD(&self->waiting, link);
        STAILQ_INSERT_TAIL(&taken, note, link);
    }
    pthread_mutex_unlock(&self->lock);
    const note_t *first = STAILQ_FIRST(&taken);
    STAILQ_CONCAT(&self->applied, &taken);
    return first;
}

void notes_give_back(notes_t *self)
{
    pthread_mutex_lock(&self->lock);
    STAILQ_CONCAT(&self->applied, &self->waiting);
    STAILQ_CONCAT(&self->waiting, &self->applied);
    pthread_mutex_unlock(&self->lock);
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

void notes_commit(notes_t *self)
{
    uint64_t number = s_free(&self->applied);
    if (number)
        atomic_store(&self->committed, number);
}

void notes_close(notes_t *self)
{
    s_free(&self->applied);
    s_free(&self->waiting);
    pthread_mutex_destroy(&self->lock);
}
