/* Rows of the directory's tables: keys and values as bytes, in the order of the keys. The files of
 * the objects (users.c, tokens.c …) reach the store by these functions alone. Threading and life of
 * slices: see directory.h.
 *
 * Each row has a checksum (common/store/row.h), which is compared whenever the row is read, and the
 * tables' digests (common/store/digest.h) are kept with each change. A damaged row is not found,
 * and the view says so (view_take_damage, view_commit); that a row is not there is believed only
 * where its neighbours are whole and in order. */
#ifndef POSTERN_AUTHD_DIRECTORY_TABLE_H
#define POSTERN_AUTHD_DIRECTORY_TABLE_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"
#include "common/store/sealing_key.h"
#include "common/wire/pack.h"

/* docs/DESIGN.md (The directory) has what each table holds. Keys: ids are 16 bytes, pairs of ids
 * 32, names as they are. */
#define TABLES(X)                                                                                  \
    X(users)                                                                                       \
    X(users_by_email)                                                                              \
    X(tokens)                                                                                      \
    X(tokens_by_user)                                                                              \
    X(token_usage)                                                                                 \
    X(token_targets)                                                                               \
    X(management_tokens)                                                                           \
    X(management_hashes)                                                                           \
    X(management_by_user)                                                                          \
    X(channels)                                                                                    \
    X(channels_by_name)                                                                            \
    X(channel_members)                                                                             \
    X(bots)                                                                                        \
    X(bots_by_name)                                                                                \
    X(bot_subscribers)                                                                             \
    X(extensions)                                                                                  \
    X(profiles)                                                                                    \
    X(retentions)                                                                                  \
    X(handlers)                                                                                    \
    X(sources)                                                                                     \
    X(formats)                                                                                     \
    X(sources_by_target)                                                                           \
    X(outlets)                                                                                     \
    X(outlets_by_channel)                                                                          \
    X(apps)                                                                                        \
    X(sessions)                                                                                    \
    X(sessions_by_user)                                                                            \
    X(logins)                                                                                      \
    X(invitations)                                                                                 \
    X(audit)                                                                                       \
    X(facts)

/* Indexes: pairs of ids that follow from the tables above, so that a list of a user's own objects
 * needs no walk through all. Readers do not open these tables. */
#define INDEXES(X)                                                                                 \
    X(channels_by_member)                                                                          \
    X(channels_by_owner)                                                                           \
    X(bots_by_subscriber)                                                                          \
    X(bots_by_owner)                                                                               \
    X(extensions_by_owner)

typedef enum {
#define TABLE(name) TABLE_##name,
    TABLES(TABLE) INDEXES(TABLE)
#undef TABLE
        TABLE_COUNT,
    TABLE_INDEXES = TABLE_channels_by_member /* the first of them */
} table_t;
extern const char *const table_names[TABLE_COUNT];

/* Usage changes each second, which raises no version: no view remembers where its rows lie. */
static inline bool table_is_usage(table_t table)
{
    return table == TABLE_token_usage || table == TABLE_token_targets;
}

/* rows_expect, where VIEW remembers where rows lie. */
void table_expect(view_t *view, table_t table, slice_t key, bool lies);
/* The value of a key; false when there is none. */
bool table_get(view_t *view, table_t table, slice_t key, slice_t *value);

/* Only in a writing view. put replaces a row; delete tells whether there was one. */
void table_put(view_t *view, table_t table, slice_t key, slice_t value);
bool table_delete(view_t *view, table_t table, slice_t key);

/* The first row past AFTER (empty: from the start) whose key begins with PREFIX; false at the end.
 * KEY and VALUE may be NULL. */
bool table_next(view_t *view, table_t table, slice_t prefix, slice_t after, slice_t *key,
                slice_t *value);
/* The last key of a table; false when it is empty. */
bool table_last(view_t *view, table_t table, slice_t *key);

/* An empty record to fill and put; its memory is the view's. */
pack_t *table_record(view_t *view, uint32_t pairs);
void table_put_record(view_t *view, table_t table, slice_t key, const pack_t *record);

const sealing_key_t *table_master_key(const view_t *view);

/* Key of an id, and of two ids in a row (into pair). */
static inline slice_t table_key(const uuid_t7 *id)
{
    return slice(id->bytes, UUID_BYTES);
}
enum { TABLE_PAIR = 2 * UUID_BYTES };
slice_t table_pair(uint8_t pair[TABLE_PAIR], const uuid_t7 *first, const uuid_t7 *second);
/* A row without a value, whose key is a pair. */
void table_put_pair(view_t *view, table_t table, const uuid_t7 *first, const uuid_t7 *second);
bool table_delete_pair(view_t *view, table_t table, const uuid_t7 *first, const uuid_t7 *second);
/* Removes all rows; only in a writing view that is not shared (view_begin_own). */
void table_clear(view_t *view, table_t table);
/* Of a table whose keys are pairs: the next SECOND of FIRST's past AFTER (NULL: the first of them);
 * false at the end. */
bool table_next_second(view_t *view, table_t table, const uuid_t7 *first, const uuid_t7 *after,
                       uuid_t7 *second);

#endif
