/* The structs of a directory and a view. Private to authd/directory. Threading: a view is its
 * thread's; of a directory, what is not atomic is set before there are views. */
#ifndef POSTERN_VIEW_H
#define POSTERN_VIEW_H

#include "authd/directory/directory.h"
#include "authd/directory/redo.h"
#include "authd/directory/rows.h"
#include "authd/directory/table.h"
#include "common/store/digest.h"
#include "common/store/sealing_key.h"
#include "common/store/store.h"
#include "common/wire/pack.h"

#include <stdatomic.h>

struct directory {
    store_t *store;
    sealing_key_t *key;
    MDB_dbi tables[TABLE_COUNT];
    uint64_t salts[TABLE_COUNT]; /* of their rows' checksums */
    MDB_dbi meta;                /* holds the versions */
    atomic_bool gone;            /* the file is not in its place */
    bool indexed;                /* the indexes are true */
    const sharing_t *sharing;    /* NULL: it is no copy */
};

struct view {
    unsigned magic;
    directory_t *directory;
    MDB_txn *txn;
    bool writing;
    bool live;        /* a reading one between renew and release */
    bool full;        /* a change found no room: the commit will refuse */
    bool damaged;     /* a read met damage: nothing is found any more */
    bool away;        /* nor when what is shared cannot be reached */
    bool tolerates;   /* rows that are damaged are passed over */
    bool changed;     /* a writing one: something but usage */
    uint64_t unread;  /* versions that could not be read */
    rows_t *rows;     /* a reading one's; NULL: it remembers none */
    MDB_cursor *near; /* a writing one's, where it touched a table last; NULL: nowhere yet */
    table_t near_table;
    bool summed; /* a writing one: digest was read */
    digest_t digest;
    pack_t record; /* the record in the making */
    redo_t *redo;  /* of a change that is shared; else NULL */
    copy_mark_t mark;
};

enum { VIEW_MAGIC = 0x56494557 };

#endif
