#include "workers/journal/lmdb/retained.h"

enum { SURVEY = 64 }; /* targets that are looked at in a go */

/* Whether such targets have limits at all. */
static bool s_limits(const journal_t *journal)
{
    const journal_unowned_t *unowned = &journal->options.unowned;
    return unowned->has && (unowned->age_ms || unowned->messages || unowned->bytes);
}

bool unowned_renew(const journal_t *journal, retained_row_t *row)
{
    const journal_unowned_t *unowned = &journal->options.unowned;
    const retained_told_t told = {RETAINED_UNOWNED, htole64(unowned->age_ms),
                                  htole64(unowned->messages), htole64(unowned->bytes)};
    if (le64toh(row->told.version) != RETAINED_UNOWNED ||
        memcmp(&row->told, &told, sizeof told) == 0)
        return false;
    if (row->told.age_ms != told.age_ms)
        row->due_ms = 0;
    row->told = told;
    return true;
}

/* Gives the target a row where it has none. */
static int s_put(pass_t *pass, const uuid_t7 *target)
{
    retained_row_t row = {.told.version = htole64(RETAINED_UNOWNED)};
    slice_t key = slice(target->bytes, UUID_BYTES);
    MDB_dbi table = pass->journal->table[TABLE_RETAINED];
    int rc = row_read(pass->txn, table, key, &row, sizeof row);
    if (rc != MDB_NOTFOUND)
        return rc;
    unowned_renew(pass->journal, &row);
    pass->journal->retaining.survey.found = true;
    pass->removed++; /* so that it is committed */
    return outbox_put(pass, TABLE_RETAINED, outbox_val(key.data, key.len),
                      outbox_val(&row, sizeof row));
}

int unowned_enter(pass_t *pass, const uuid_t7 *target, unsigned op)
{
    const journal_t *journal = pass->journal;
    return s_limits(journal) && journal->options.unowned.has(op) ? s_put(pass, target) : 0;
}

/* The newest record of a target says whose it is. One without records has nothing to keep. */
static int s_look(pass_t *pass, const MDB_val *key, const MDB_val *value)
{
    journal_t *journal = pass->journal;
    range_row_t range;
    uuid_t7 target;
    record_t record;
    if (key->mv_size != UUID_BYTES || value->mv_size != sizeof range)
        return 0; /* damage is for who reads it */
    memcpy(&range, value->mv_data, sizeof range);
    memcpy(target.bytes, key->mv_data, UUID_BYTES);
    uint64_t number = journal_key(le64toh(range.last_log));
    MDB_val at = {sizeof number, &number}, found;
    int rc = mdb_cursor_get(pass->log, &at, &found, MDB_SET);
    if (rc == 0)
        rc = row_record(pass->txn, journal->table[TABLE_LOG], journal->summed_log, &at, &found,
                        &record);
    if (rc != 0)
        return rc == MDB_NOTFOUND || rc == MDB_CORRUPTED ? 0 : rc;
    return journal->options.unowned.has(record.op) ? s_put(pass, &target) : 0;
}

/* The end of a round. */
static void s_turn_back(survey_t *survey)
{
    survey->over = !survey->found;
    survey->began = survey->found = false;
}

int unowned_survey(pass_t *pass)
{
    survey_t *survey = &pass->journal->retaining.survey;
    MDB_cursor *cursor;
    if (survey->over || !s_limits(pass->journal))
        return 0;
    int rc = mdb_cursor_open(pass->txn, pass->journal->table[TABLE_TARGETS], &cursor);
    if (rc != 0)
        return rc;
    for (unsigned i = 0; rc == 0 && i < SURVEY; i++) {
        MDB_val key = outbox_val(survey->last.bytes, UUID_BYTES), value;
        rc = row_cursor_get(cursor, &key, &value, survey->began ? MDB_SET_RANGE : MDB_FIRST);
        if (rc == 0 && survey->began && memcmp(key.mv_data, survey->last.bytes, UUID_BYTES) == 0)
            rc = row_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (rc != 0)
            break;
        survey->began = true;
        memcpy(survey->last.bytes, key.mv_data, UUID_BYTES);
        rc = s_look(pass, &key, &value);
    }
    mdb_cursor_close(cursor);
    if (rc == MDB_NOTFOUND)
        s_turn_back(survey);
    return rc == MDB_NOTFOUND ? 0 : rc;
}
