/* The rows of a journal's tables as they lie in the file, but for the outbox's
 * (outbox_rows.h); lmdb.h says which table has which. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_ROWS_H
#define POSTERN_WORKERS_JOURNAL_LMDB_ROWS_H

#include "common/base/uuid.h"
#include "workers/journal/journal.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Rows as they lie in the file; numbers little-endian. */
typedef struct __attribute__((packed)) {
    uint64_t log, time_ms;
    uint8_t answer;
} answer_row_t;

typedef struct __attribute__((packed)) {
    answer_row_t answer;
    uint64_t running_ms;
    uint8_t hash[JOURNAL_HASH];
} key_row_t;

/* Behind both, of a revision. */
typedef struct __attribute__((packed)) {
    uint64_t number, time_ms;
    uint32_t revision;
} root_row_t;

/* The rows of seen and keys with it, or with a length without it. */
typedef struct __attribute__((packed)) {
    answer_row_t answer;
    root_row_t root;
} id_row_t;
typedef struct __attribute__((packed)) {
    key_row_t key;
    root_row_t root;
} kept_key_row_t;

/* Key of keys_due. */
typedef struct __attribute__((packed)) {
    uint64_t running_ms, log; /* big-endian */
} due_key_t;

typedef struct __attribute__((packed)) {
    uint64_t first, last;
    uint64_t last_log; /* log sequence of the last one */
} range_row_t;

/* Key of by_target. */
typedef struct __attribute__((packed)) {
    uint8_t target[UUID_BYTES];
    uint64_t sequence; /* big-endian */
} place_key_t;

/* Key of edits (AT: revision) and threads (AT: sequence). */
typedef struct __attribute__((packed)) {
    uint8_t target[UUID_BYTES];
    uint64_t root, at; /* big-endian */
} relation_key_t;

typedef struct __attribute__((packed)) {
    uint64_t log, sequence;
    uint64_t root_number, root_ms; /* of the message's first record */
    uint8_t deletes;
} edit_row_t;

/* Key of upserts. */
typedef struct __attribute__((packed)) {
    uint8_t target[UUID_BYTES], key[RECORD_KEY];
} upsert_key_t;

typedef struct __attribute__((packed)) {
    uint64_t root, root_number, root_ms;
} upsert_row_t;

/* What a target keeps, as it was told; 0: no limit. */
typedef struct __attribute__((packed)) {
    uint64_t version, age_ms, messages, bytes;
} retained_told_t;

/* BYTES_KEPT: of its records up to sequence COUNTED, with their cost; those behind are not counted
 * yet. Before the running time DUE_MS none of its records is too old; before WAIT_MS nothing can be
 * removed. */
typedef struct __attribute__((packed)) {
    retained_told_t told;
    uint64_t counted, bytes_kept, due_ms, wait_ms;
} retained_row_t;

/* The version of a target that nobody owns: what it keeps is the options', as they were when it was
 * looked at last. */
#define RETAINED_UNOWNED UINT64_MAX

enum { JOURNAL_STRIDE = 64 };

#define JOURNAL_IDENTITY "identity" /* its key in meta */
typedef struct __attribute__((packed)) {
    uint8_t uuid[UUID_BYTES];
    uint32_t shard, shards;
    char kind[16];
} identity_row_t;

typedef struct __attribute__((packed)) {
    uint64_t running_ms, first_log, next_log, pruned_log, keys, bytes, generation, framed,
        wal_bytes, targets, summed_log, records;
} state_row_t;

static inline answer_row_t answer_row(const journal_answer_t *answer)
{
    return (answer_row_t){htole64(answer->log), htole64((uint64_t)answer->time_ms), answer->answer};
}

static inline root_row_t root_row(const journal_answer_t *answer)
{
    return (root_row_t){htole64(answer->root_number), htole64((uint64_t)answer->root_ms),
                        htole32(answer->revision)};
}

/* Bytes of a row of seen or keys whose root begins at BEFORE. */
static inline size_t root_row_end(size_t before, const journal_answer_t *answer)
{
    return before + (answer->revision ? sizeof(root_row_t) : 0);
}

/* ROOT is all 0 where there is none. */
static inline journal_answer_t row_answer(const answer_row_t *row, const root_row_t *root)
{
    return (journal_answer_t){.log = le64toh(row->log),
                              .time_ms = (int64_t)le64toh(row->time_ms),
                              .answer = row->answer,
                              .revision = le32toh(root->revision),
                              .root_number = le64toh(root->number),
                              .root_ms = (int64_t)le64toh(root->time_ms)};
}

/* Key of a number. */
static inline uint64_t journal_key(uint64_t number)
{
    return htobe64(number);
}

static inline place_key_t journal_place(const uuid_t7 *target, uint64_t sequence)
{
    place_key_t key = {.sequence = journal_key(sequence)};
    memcpy(key.target, target->bytes, UUID_BYTES);
    return key;
}

static inline relation_key_t journal_relation(const uuid_t7 *target, uint64_t root, uint64_t at)
{
    relation_key_t key = {.root = journal_key(root), .at = journal_key(at)};
    memcpy(key.target, target->bytes, UUID_BYTES);
    return key;
}

static inline upsert_key_t journal_upsert(const record_t *record)
{
    upsert_key_t key;
    memcpy(key.target, record->target.bytes, UUID_BYTES);
    memcpy(key.key, record->key, RECORD_KEY);
    return key;
}

#endif
