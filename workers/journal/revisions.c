#include "workers/journal/revisions.h"

#include <sodium.h>
#include <stdlib.h>

void revisions_hash(const uuid_t7 *user, slice_t key, uint8_t hash[RECORD_KEY])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, RECORD_KEY);
    crypto_generichash_update(&state, user->bytes, UUID_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)key.data, key.len);
    crypto_generichash_final(&state, hash, RECORD_KEY);
}

void revisions_answer(const record_t *record, journal_answer_t *answer)
{
    answer->revision = record->revision;
    answer->root_number = record->revision ? record->root_number : 0;
    answer->root_ms = record->revision ? record->root_ms : 0;
}

void revisions_add(journal_entry_t *entry, uint64_t root, const journal_name_t *name, uint64_t last)
{
    record_t *record = &entry->record;
    record->flags |= RECORD_EDIT;
    record->root = root;
    record->root_number = name->number;
    record->root_ms = name->time_ms;
    record->revision = (uint32_t)last + 1;
    revisions_answer(record, &entry->answer);
}

bool revisions_may(const journal_entry_t *entry, const record_t *is)
{
    bool own = !(is->flags & RECORD_REPLY) && uuid_eq(&is->user, &entry->record.user);
    return own || (entry->any && entry->change == CHANGE_DELETE);
}

journal_outcome_t revisions_refuse(const journal_entry_t *entry, const record_t *latest)
{
    bool seen = entry->any || record_is_for(latest, &entry->record.user);
    return seen ? JOURNAL_FOREIGN : JOURNAL_UNKNOWN;
}

void revisions_forget(journal_entry_t *entry)
{
    if (!entry->inherited)
        return;
    entry->record.more &= ~(uint32_t)RECORD_NARROWED;
    entry->record.audience = slice("", 0);
    free(entry->inherited);
    entry->inherited = NULL;
}

/* Those whom BEFORE is for, and who has posted it. */
static void s_inherit(journal_entry_t *entry, const record_t *before)
{
    enum { MOST = RECORD_AUDIENCE * UUID_BYTES };
    size_t len = before->audience.len < MOST ? before->audience.len : MOST;
    entry->inherited = malloc(len + UUID_BYTES);
    if (!entry->inherited)
        abort();
    memcpy(entry->inherited, before->audience.data, len);
    if (!uuid_eq(&before->user, &entry->record.user) && len < MOST) {
        memcpy(entry->inherited + len, before->user.bytes, UUID_BYTES);
        len += UUID_BYTES;
    }
    entry->record.more |= RECORD_NARROWED;
    entry->record.audience = slice(entry->inherited, len);
}

bool revisions_narrow(journal_entry_t *entry, const record_t *before)
{
    bool named = (entry->record.more & RECORD_NARROWED) || entry->everybody;
    if (before->more & RECORD_NARROWED && !named)
        s_inherit(entry, before);
    bool all = entry->record.flags & RECORD_REPLY; /* a handler gets whatever is for anybody */
    return all || record_is_for(before, &entry->record.user);
}

/* A revision stays where its message is, whatever it says itself. */
static void s_stay(record_t *record, const record_t *before)
{
    record->thread = before->thread;
    record->more &= ~(uint32_t)RECORD_IN_PARENT;
    record->more |= before->more & RECORD_IN_PARENT;
}

void revisions_take_over(journal_entry_t *entry, const record_t *before)
{
    s_stay(&entry->record, before);
    revisions_narrow(entry, before);
}

void revisions_refuse_thread(journal_entry_t *entry)
{
    if (!(entry->record.flags & RECORD_REPLY)) {
        entry->outcome = JOURNAL_UNKNOWN;
        return;
    }
    entry->record.thread = 0;
    entry->record.more &= ~(uint32_t)RECORD_IN_PARENT;
}

uint64_t revisions_thread(const record_t *about)
{
    return about->thread ? about->thread : record_root(about);
}

bool revisions_erased(const record_t *last, uint64_t *from, uint64_t *to)
{
    enum { KEPT = JOURNAL_WHOLE - 1 };
    uint64_t number = last->revision;
    if (last->flags & RECORD_DELETE) {
        *from = number > JOURNAL_REVISIONS + 1 ? number - KEPT : 1;
        *to = number - 1;
        return true;
    }
    *from = number == JOURNAL_REVISIONS + 1 ? 1 : number - KEPT;
    *to = number - KEPT;
    return number > JOURNAL_REVISIONS;
}

bool revisions_are_viewed(const journal_view_t *view, const record_t *record)
{
    uint64_t about = view->revisions ? record->sequence : record_root(record);
    bool aside = record->thread && !(record->more & RECORD_IN_PARENT);
    if (view->thread && record->thread != view->thread && about != view->thread)
        return false;
    return !(view->no_threads && aside);
}

/* A reply keeps its headers, which name its event. */
static void s_take(record_t *shown, const record_t *last)
{
    unsigned kept = shown->flags & (RECORD_REPLY | RECORD_DELIVER);
    shown->flags = (last->flags & ~(unsigned)(RECORD_EDIT | RECORD_REPLY)) | kept;
    shown->op = last->op;
    shown->method = last->method;
    shown->params = last->params;
    if (!(kept & RECORD_REPLY))
        shown->headers = last->headers;
    shown->body = last->body;
    shown->message = last->message;
    shown->audience = last->audience;
    shown->more = (shown->more & ~(uint32_t)RECORD_NARROWED) | (last->more & RECORD_NARROWED);
    shown->revision = last->revision;
    shown->edited_ms = last->time_ms;
}

static bool s_is_for(const journal_view_t *view, const record_t *record)
{
    static const uuid_t7 nobody;
    return view->whole || record_is_for(record, view->reader ? view->reader : &nobody);
}

/* Whether the record has lost its content, or is about to, with the revision LAST of its message.
 */
static bool s_is_erased(const record_t *record, const record_t *last)
{
    uint64_t from, to;
    if (!last || record->flags & RECORD_DELETE || !revisions_erased(last, &from, &to))
        return false;
    return record->flags & RECORD_EDIT ? record->revision <= to
                                       : (last->flags & RECORD_DELETE) != 0;
}

bool revisions_may_take(const journal_view_t *view, const record_t *record)
{
    return view->revisions && !view->whole && view->reader && record->flags & RECORD_EDIT &&
           !record_is_for(record, view->reader);
}

void revisions_take(const record_t *record, record_t *shown)
{
    *shown = *record;
    record_identify(shown);
    record_erase(shown);
    shown->flags |= RECORD_DELETE;
    shown->more &= ~(uint32_t)RECORD_NARROWED;
    shown->audience = slice("", 0);
}

bool revisions_show(const journal_view_t *view, const record_t *record, const record_t *last,
                    record_t *shown)
{
    bool deleted = last && last->flags & RECORD_DELETE;
    if (!s_is_for(view, view->revisions || !last ? record : last))
        return false;
    *shown = *record;
    record_identify(shown);
    if (view->revisions) {
        if (s_is_erased(record, last))
            record_erase(shown);
        return true;
    }
    if (last)
        s_take(shown, last);
    return !deleted && !(shown->flags & RECORD_DELETE);
}
