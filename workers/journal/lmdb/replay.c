/* What the write-ahead file keeps of an entry, and how an entry comes back from it: judged already,
 * so it is stored without a question. */
#include "workers/journal/lmdb/lmdb.h"
#include "workers/journal/revisions.h"

/* Before the dedupe key and the record. */
typedef struct __attribute__((packed)) {
    uint8_t answer, dedupe_len;
    uint8_t hash[JOURNAL_HASH];
} kept_t;

void replay_note(journal_t *journal, const journal_entry_t *entry)
{
    kept_t kept = {.answer = entry->answer.answer, .dedupe_len = (uint8_t)entry->dedupe.len};
    size_t size = record_size(&entry->record), all = sizeof kept + entry->dedupe.len + size;
    char *const bytes = wal_add(journal->wal, all), *to = bytes;
    if (!to)
        return;
    if (entry->dedupe.len > 0)
        memcpy(kept.hash, entry->hash, sizeof kept.hash);
    memcpy(to, &kept, sizeof kept);
    to += sizeof kept;
    if (entry->dedupe.len > 0)
        memcpy(to, entry->dedupe.data, entry->dedupe.len);
    to += entry->dedupe.len;
    record_write(&entry->record, to);
    tail_stage(journal->tail, journal->generation, &entry->record, slice(bytes, all), size);
}

static int s_read(slice_t kept, journal_entry_t *entry)
{
    kept_t head;
    if (kept.len < sizeof head)
        return -1;
    memcpy(&head, kept.data, sizeof head);
    if (kept.len - sizeof head < head.dedupe_len)
        return -1;
    *entry = (journal_entry_t){.dedupe = slice(kept.data + sizeof head, head.dedupe_len)};
    memcpy(entry->hash, head.hash, sizeof entry->hash);
    size_t before = sizeof head + head.dedupe_len;
    if (record_read(&entry->record, slice(kept.data + before, kept.len - before)) != 0)
        return -1;
    entry->answer = (journal_answer_t){.time_ms = entry->record.time_ms, .answer = head.answer};
    revisions_answer(&entry->record, &entry->answer);
    return 0;
}

typedef struct {
    pass_t *pass;
    uint32_t left; /* entries of the frame */
    bool salvage;
    uint64_t *count;
} replay_t;

/* RUNNING_MS: the journal's clock when it was stored. */
static int s_restore(replay_t *self, journal_entry_t *entry, uint64_t running_ms)
{
    pass_t *pass = self->pass;
    uint64_t sequence = entry->record.sequence, previous = entry->record.previous;
    if (running_ms > pass->state.running_ms)
        pass->state.running_ms = running_ms;
    pass_extend(pass, 1, 0);
    int rc = seen_restore(pass, entry);
    pass->state.framed = pass->state.generation;
    if (rc == 0 && !self->salvage &&
        (entry->record.sequence != sequence || entry->record.previous != previous))
        rc = MDB_CORRUPTED;
    (*self->count)++;
    return rc;
}

static int s_apply(void *arg, const wal_frame_t *frame, slice_t kept)
{
    replay_t *self = arg;
    journal_entry_t entry;
    if (self->left == 0) {
        if (frame->first_log != self->pass->state.next_log && !self->salvage)
            return MDB_CORRUPTED;
        self->left = frame->entries;
    }
    self->left--;
    return s_read(kept, &entry) ? MDB_CORRUPTED : s_restore(self, &entry, frame->running_ms);
}

static int s_recall(void *arg, slice_t kept)
{
    journal_entry_t entry;
    if (s_read(kept, &entry) != 0)
        return MDB_CORRUPTED;
    return s_restore(arg, &entry, (uint64_t)entry.record.running_ms);
}

static int s_replay(pass_t *pass, uint64_t generation, uint64_t *count, bool salvage)
{
    replay_t replay = {pass, 0, salvage, count};
    int rc = 0;
    while (rc == 0 && pass->state.generation < generation) {
        uint64_t next = ++pass->state.generation;
        wal_t *wal = pass->journal->wal;
        rc = salvage ? wal_salvage(wal, next, s_apply, &replay)
                     : wal_replay(wal, next, s_apply, &replay);
    }
    return rc;
}

int replay_apply(pass_t *pass, uint64_t generation, uint64_t *count)
{
    return s_replay(pass, generation, count, false);
}

int replay_salvage(pass_t *pass, uint64_t generation, uint64_t *count)
{
    return s_replay(pass, generation, count, true);
}

int replay_recall(pass_t *pass, uint64_t generation, uint64_t *count)
{
    replay_t replay = {.pass = pass, .count = count};
    int rc = 0;
    while (rc == 0 && pass->state.generation < generation)
        rc = tail_each(pass->journal->tail, ++pass->state.generation, s_recall, &replay);
    return rc;
}
