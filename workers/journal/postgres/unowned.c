#include "workers/journal/postgres/unowned.h"

#include "workers/journal/postgres/retained.h"

enum { SURVEY = 64 }; /* targets that are looked at in a go */

/* Whether such targets have limits at all. */
static bool s_limits(const journal_t *journal)
{
    const journal_unowned_t *unowned = &journal->options.unowned;
    return unowned->has && (unowned->age_ms || unowned->messages || unowned->bytes);
}

void unowned_enter(journal_t *self, const record_t *record)
{
    const journal_unowned_t *unowned = &self->options.unowned;
    if (s_limits(self) && unowned->has(record->op))
        retained_enter(self->retained, &record->target, unowned);
}

/* The first of what each segment's log has so, in ORDER. */
static void s_first(const journal_t *self, const tables_t *tables, sql_t *sql, const char *columns,
                    const char *where, const char *order)
{
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(sql,
                "%s(SELECT %s FROM postern.log_%c%u_%u l WHERE l.target %s ORDER BY l.%s LIMIT "
                "1)",
                i ? " UNION ALL " : "(SELECT * FROM (", columns, self->kind, self->options.shard,
                tables->segments[i].n, where, order);
    sql_add(sql, ") s ORDER BY %s LIMIT 1)", order);
}

/* The targets behind $1, each found by the one before it, and the newest record of each: it says
 * whose the target is. */
static void s_survey_sql(const journal_t *self, const tables_t *tables, sql_t *sql)
{
    sql_add(sql, "WITH RECURSIVE t(target) AS (");
    s_first(self, tables, sql, "l.target", "> $1", "target");
    sql_add(sql, " UNION ALL SELECT ");
    s_first(self, tables, sql, "l.target", "> t.target", "target");
    sql_add(sql, " FROM t WHERE t.target IS NOT NULL) SELECT t.target, n.head FROM t CROSS JOIN "
                 "LATERAL ");
    s_first(self, tables, sql, "l.sequence, substring(l.record, 1, $2::int) AS head", "= t.target",
            "sequence DESC");
    sql_add(sql, " n LIMIT $3");
}

session_outcome_t unowned_survey(journal_t *self, session_t *session, const tables_t *tables,
                                 bool *more)
{
    statement_t ask;
    sql_t sql = {0};
    survey_t *survey = &self->survey;
    *more = false;
    if (survey->over || !s_limits(self) || tables->segments_len == 0)
        return SESSION_OK;
    s_survey_sql(self, tables, &sql);
    statement_begin(&ask, "", sql.text);
    statement_uuid(&ask, &survey->last);
    statement_int8(&ask, RECORD_HEAD);
    statement_int8(&ask, SURVEY);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    unsigned rows = went == SESSION_OK ? statement_rows(&ask) : 0;
    for (unsigned i = 0; i < rows; i++) {
        survey->last = statement_id(&ask, i, 0);
        if (self->options.unowned.has(record_op(statement_bytes(&ask, i, 1))))
            retained_enter(self->retained, &survey->last, &self->options.unowned);
    }
    *more = rows == SURVEY;
    survey->over = went == SESSION_OK && !*more;
    statement_end(&ask);
    sql_free(&sql);
    return went;
}
