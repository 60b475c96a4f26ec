/* Appends while a checkpoint is under way, whose transaction nobody can look into. An entry can be
 * judged all the same when nothing that was stored since the last commit has its id or its dedupe
 * key: what was committed before says whether it is new, and how the first one was answered. Nearly
 * every entry is like that. Any other one waits for the commit. */
#include "workers/journal/lmdb/ahead.h"
#include "workers/journal/lmdb/edits.h"
#include "workers/journal/seen.h"

#include <stdlib.h>
#include <xxhash.h>

enum { RECENT_LEAST = 1024 };

/* Never 0. An id and a key of the same bytes are different things. */
static uint64_t s_hash(slice_t name, uint64_t kind)
{
    uint64_t hash = XXH3_64bits_withSeed(name.data, name.len, kind);
    return hash ? hash : 1;
}

static uint64_t s_hash_id(const journal_entry_t *entry)
{
    return s_hash(slice(entry->record.id.bytes, UUID_BYTES), TABLE_SEEN);
}

static uint64_t s_hash_key(const journal_entry_t *entry)
{
    return s_hash(entry->dedupe, TABLE_KEYS);
}

/* Of the key of a message, which none but its target's have. */
static uint64_t s_hash_upsert(const journal_entry_t *entry)
{
    upsert_key_t key = journal_upsert(&entry->record);
    return s_hash(slice(&key, sizeof key), TABLE_UPSERTS);
}

/* Its place, or the free one where it belongs. */
static uint64_t *s_slot(const recent_t *self, uint64_t hash)
{
    size_t i = hash & (self->room - 1);
    while (self->slots[i] && self->slots[i] != hash)
        i = (i + 1) & (self->room - 1);
    return &self->slots[i];
}

static void s_grow(recent_t *self)
{
    recent_t old = *self;
    self->room = old.room ? 2 * old.room : RECENT_LEAST;
    self->slots = calloc(self->room, sizeof *self->slots);
    if (!self->slots)
        abort();
    for (size_t i = 0; i < old.room; i++)
        if (old.slots[i])
            *s_slot(self, old.slots[i]) = old.slots[i];
    free(old.slots);
}

static void s_add(recent_t *self, uint64_t hash)
{
    if (2 * (self->len + 1) > self->room)
        s_grow(self);
    uint64_t *slot = s_slot(self, hash);
    self->len += *slot == 0;
    *slot = hash;
}

void recent_add(recent_t *self, const journal_entry_t *entry)
{
    s_add(self, s_hash_id(entry));
    if (entry->dedupe.len > 0)
        s_add(self, s_hash_key(entry));
    if (record_is_keyed(&entry->record))
        s_add(self, s_hash_upsert(entry));
}

void recent_clear(recent_t *self)
{
    if (self->len > 0)
        memset(self->slots, 0, self->room * sizeof *self->slots);
    self->len = 0;
}

void recent_free(recent_t *self)
{
    free(self->slots);
    *self = (recent_t){0};
}

int ahead_begin(journal_t *self)
{
    MDB_txn *before = self->ahead.txn;
    int rc = before ? mdb_txn_renew(before) : mdb_txn_begin(self->env, NULL, MDB_RDONLY, &before);
    self->ahead = (pass_t){.journal = self, .txn = before, .state = self->leaving.state};
    return rc;
}

void ahead_end(journal_t *self)
{
    mdb_txn_reset(self->ahead.txn);
}

static bool s_is_recent(const recent_t *recent, uint64_t hash)
{
    return recent->room > 0 && *s_slot(recent, hash);
}

/* Whether what was stored since the last commit may have something to do with the entry. */
static bool s_may_meet(const recent_t *recent, const journal_entry_t *entry)
{
    return s_is_recent(recent, s_hash_id(entry)) ||
           (entry->dedupe.len > 0 && s_is_recent(recent, s_hash_key(entry))) ||
           (entry->change == CHANGE_KEYED && s_is_recent(recent, s_hash_upsert(entry)));
}

/* True when the tables as they were before the commit say enough of the entry, as *SEEN. */
static bool s_look_up(journal_t *self, journal_entry_t *entry, seen_t *seen)
{
    bool is_new = true;
    if (entry->record.flags & RECORD_REPLY || s_may_meet(&self->recent, entry))
        return false;
    int rc = seen_find(&self->ahead, entry, seen);
    if (rc == 0 && *seen == SEEN_NEVER && edits_concern(entry))
        rc = edits_look_ahead(&self->ahead, entry, &is_new);
    if (rc != 0)
        store_fail(self->store, "look-up", rc);
    bool full = entry->dedupe.len > 0 && self->ahead.state.keys >= self->options.keys;
    return *seen == SEEN_JUDGED || (*seen == SEEN_NEVER && !full && is_new);
}

static void s_store(journal_t *self, journal_entry_t *entry)
{
    pass_t *ahead = &self->ahead;
    record_t *record = &entry->record;
    range_row_t *range;
    int rc = pass_target(ahead, &record->target, &range);
    if (rc != 0)
        store_fail(self->store, "look-up", rc);
    pass_place(ahead, record, range);
    entry->answer.log = ahead->state.next_log - 1;
    entry->answer.time_ms = record->time_ms;
    replay_note(self, entry);
}

bool ahead_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms)
{
    pass_t *ahead = &self->ahead;
    ahead->stored = 0;
    pass_extend(ahead, count, now_ms);
    for (size_t i = 0; i < count; i++) {
        journal_entry_t *entry = entries[i];
        seen_t seen;
        if (!s_look_up(self, entry, &seen))
            return false;
        if (seen == SEEN_JUDGED)
            continue;
        seen_decide(NULL, NULL, (seen_room_t){true, true}, entry);
        if (entry->outcome != JOURNAL_STORED)
            continue;
        ahead->state.keys += entry->dedupe.len > 0;
        recent_add(&self->recent, entry);
        s_store(self, entry);
    }
    return true;
}
