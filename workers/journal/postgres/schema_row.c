#include "workers/journal/postgres/schema_row.h"

void schema_row_say(const schema_row_t *row, bool good, slice_t is, const char *cluster,
                    schema_found_fn found)
{
    found(&(schema_found_t){.cluster = cluster,
                            .state = good         ? "ok"
                                     : row->warns ? "note"
                                                  : "lacking",
                            .what = row->what,
                            .is = is,
                            .todo = good ? NULL : row->todo});
}

bool schema_row_look(const schema_row_t *row, const char *sql, session_t *session,
                     const char *cluster, schema_found_fn found)
{
    statement_t ask;
    statement_begin(&ask, "", sql);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    bool there = went == SESSION_OK && statement_rows(&ask) == 1;
    bool good = there && statement_number(&ask, 0, 0);
    schema_row_say(row, good,
                   there                ? statement_bytes(&ask, 0, 1)
                   : went == SESSION_OK ? slice_of("nothing")
                                        : slice_of(session->text),
                   cluster, found);
    statement_end(&ask);
    return good || row->warns;
}
