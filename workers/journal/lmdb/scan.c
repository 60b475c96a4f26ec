/* The log in its order, over all targets: what is committed first, then what the tail has. */
#include "workers/journal/lmdb/lmdb.h"

typedef struct {
    journal_reader_t *reader;
    uint64_t next; /* the log sequence to go on from */
    journal_each_fn each;
    void *arg;
    bool more;
} scan_t;

uint64_t journal_tip(const journal_t *self)
{
    return atomic_load(&self->tip);
}

static int s_give(scan_t *self, const MDB_val *key, const MDB_val *value)
{
    const journal_t *journal = self->reader->journal;
    uint64_t number;
    record_t record;
    if (key->mv_size != sizeof number)
        return MDB_CORRUPTED;
    memcpy(&number, key->mv_data, sizeof number);
    int rc = row_record(self->reader->txn, journal->table[TABLE_LOG], journal->summed_log, key,
                        value, &record);
    if (rc != 0)
        return rc;
    self->next = be64toh(number) + 1;
    self->more = self->each(self->arg, be64toh(number), &record);
    return 0;
}

static int s_scan_committed(scan_t *self)
{
    journal_reader_t *reader = self->reader;
    uint64_t number = journal_key(self->next);
    MDB_val key = {sizeof number, &number}, value;
    int rc = reader_begin(reader);
    if (rc == 0)
        rc = mdb_cursor_open(reader->txn, reader->journal->table[TABLE_LOG], &reader->cursor);
    if (rc == 0)
        rc = mdb_cursor_get(reader->cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && self->more) {
        rc = s_give(self, &key, &value);
        if (rc == 0 && self->more)
            rc = mdb_cursor_get(reader->cursor, &key, &value, MDB_NEXT);
    }
    reader_end(reader);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* DROPS: tail_drops before the committed ones were read. When it is another one, the tail may have
 * lost what they did not have. */
static int s_scan_tail(scan_t *self, uint64_t drops)
{
    tail_t *tail = self->reader->journal->tail;
    tail_page_t page;
    int rc = 0;
    do {
        tail_scan(tail, self->next, &page);
        if (drops != tail_drops(tail))
            page.len = 0;
        for (size_t i = 0; i < page.len && self->more && rc == 0; i++) {
            record_t record;
            rc = record_read(&record, page.rows[i].encoded) ? MDB_CORRUPTED : 0;
            self->next = page.rows[i].log + 1;
            self->more = rc == 0 && self->each(self->arg, page.rows[i].log, &record);
        }
        tail_release(tail, &page);
    } while (page.len > 0 && self->more && rc == 0);
    return rc;
}

void journal_scan(journal_reader_t *self, uint64_t from, journal_each_fn each, void *arg)
{
    scan_t scan = {self, from, each, arg, true};
    const tail_t *tail = self->journal->tail;
    uint64_t drops;
    int rc;
    do {
        drops = tail_drops(tail);
        rc = s_scan_committed(&scan);
        if (rc == 0 && scan.more)
            rc = s_scan_tail(&scan, drops);
    } while (rc == 0 && scan.more && drops != tail_drops(tail));
    if (rc != 0)
        reader_failed(self, "scan", rc);
}
