/* Lets time pass for a journal that nobody has open: age_journal PATH MS. Its running clock goes on
 * by as much, as if it had been open, and nothing else. */
#include "workers/journal/lmdb/lmdb.h"

#include <stdio.h>
#include <stdlib.h>

static int s_age(store_t *store, MDB_dbi meta, uint64_t ms)
{
    MDB_txn *txn;
    state_t state;
    int rc = mdb_txn_begin(store_env(store), NULL, 0, &txn);
    if (rc != 0)
        return rc;
    rc = state_read(txn, meta, &state);
    state.running_ms += ms;
    if (rc == 0)
        rc = state_write(txn, meta, &state);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

int main(int argc, char **argv)
{
    char err[1024];
    MDB_dbi meta;
    if (argc != 3)
        return 2;
    store_options_t options = {.path = argv[1],
                               .kind = "journal",
                               .schema = JOURNAL_SCHEMA,
                               .tables = TABLES,
                               .map_bytes = 1 << 24};
    store_t *store = store_open(&options, err, sizeof err);
    if (!store ||
        store_table(store, journal_table_names[TABLE_META], &meta, err, sizeof err) != 0) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    int rc = s_age(store, meta, strtoull(argv[2], NULL, 10));
    store_close(&store);
    if (rc != 0)
        fprintf(stderr, "%s\n", mdb_strerror(rc));
    return rc != 0;
}
