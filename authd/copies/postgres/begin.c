#include "authd/copies/postgres/shared.h"

#include "common/base/clock.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <stdio.h>

enum {
    FILL_DEADLINE_MS = 60000,
    FILL_ROWS = 4000, /* of a page: a few hundred bytes each */
    FILL_SHARE = 4,   /* of the time pages take one part: whoever judges and stores has the rest */
    FILL_REST_MS = 200,
};

typedef struct {
    copy_mark_t mark;
    uuid_t7 origin;
    bool knows; /* this copy's last change */
} head_t;

static session_outcome_t s_refuse(copies_t *self, const char *text)
{
    snprintf(self->following.text, sizeof self->following.text, "%s", text);
    return SESSION_REFUSED;
}

static session_outcome_t s_read_head(copies_t *self, const copy_mark_t *mine, head_t *head)
{
    statement_t ask;
    statement_begin(&ask, "",
                    "SELECT version, change, origin, EXISTS (SELECT 1 FROM postern.directory_log "
                    "l WHERE l.version = $1 AND l.change = $2)::int::bigint FROM "
                    "postern.directory_head WHERE one");
    statement_int8(&ask, mine->number);
    statement_uuid(&ask, &mine->change);
    session_outcome_t went = session_exchange(&self->following, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went == SESSION_GONE
                   ? s_refuse(self, "the database has no tables of a directory: posternctl db init "
                                    "makes them")
                   : went;
    bool there = statement_rows(&ask) == 1;
    if (there)
        *head = (head_t){{statement_number(&ask, 0, 0), statement_id(&ask, 0, 1)},
                         statement_id(&ask, 0, 2),
                         statement_number(&ask, 0, 3) != 0};
    statement_end(&ask);
    return there ? SESSION_OK
                 : s_refuse(self, "the database has no head of a directory: "
                                  "posternctl db init makes it");
}

static session_outcome_t s_plainly(copies_t *self, const char *sql)
{
    statement_t one;
    statement_begin(&one, "", sql);
    session_outcome_t went = session_exchange(&self->following, &one, 1, FILL_DEADLINE_MS);
    if (went == SESSION_OK)
        statement_end(&one);
    return went;
}

/* What takes minutes is not thrown away because this process stood still for some seconds. Nobody
 * judges before it is done, and a host that has died is noticed by the server's keepalives. */
static session_outcome_t s_begin_long(copies_t *self)
{
    session_outcome_t went = s_plainly(self, "BEGIN");
    return went == SESSION_OK
               ? s_plainly(self, "SET LOCAL idle_in_transaction_session_timeout = '10min'")
               : went;
}

static session_outcome_t s_mark(copies_t *self, const copy_mark_t *mark)
{
    view_t *view = view_begin_own(self->directory);
    copy_put_mark(view, mark);
    view_outcome_t went = view_commit(&view);
    return went == VIEW_DONE ? SESSION_OK : s_refuse(self, view_outcome_text(went));
}

static session_outcome_t s_give_rows(copies_t *self, view_t *view)
{
    copy_place_t place = {0};
    redo_row_t row;
    rows_out_t out = {0};
    session_outcome_t went = SESSION_OK;
    for (bool more = true; more && went == SESSION_OK;) {
        statement_t put;
        monitor_tick();
        rows_out_begin(&out, true);
        for (unsigned i = 0; i < FILL_ROWS && (more = copy_next(view, &place, &row)); i++)
            rows_out_add(&out, &row);
        rows_put(&put, &out);
        went = session_exchange(&self->following, &put, 1, FILL_DEADLINE_MS);
        if (went == SESSION_OK)
            statement_end(&put);
    }
    rows_out_free(&out);
    if (view_take_damage(view))
        went = s_refuse(self, "a part of the directory here is damaged");
    return went;
}

/* *MINE: nobody else has given one before. */
static session_outcome_t s_give_head(copies_t *self, const copy_mark_t *mark, bool *mine)
{
    statement_t all[2];
    statement_begin(&all[0], "",
                    "UPDATE postern.directory_head SET version = $1, change = $2, origin = $3 "
                    "WHERE one AND version = 0");
    statement_int8(&all[0], mark->number);
    statement_uuid(&all[0], &mark->change);
    statement_uuid(&all[0], &self->host);
    statement_begin(&all[1], "",
                    "INSERT INTO postern.directory_log (version, change, redo) VALUES ($1, $2, "
                    "'') ON CONFLICT DO NOTHING");
    statement_int8(&all[1], mark->number);
    statement_uuid(&all[1], &mark->change);
    session_outcome_t went = session_exchange(&self->following, all, 2, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    *mine = statement_rows(&all[0]) == 1;
    statement_end_all(all, 2);
    return SESSION_OK;
}

/* The database has none: this one becomes what the others are filled with. */
static session_outcome_t s_give(copies_t *self)
{
    copy_mark_t mark = {.number = 1};
    bool mine = false;
    uuid_new(&mark.change);
    view_t *view = view_new(self->directory);
    view_renew(view);
    session_outcome_t went = s_begin_long(self);
    if (went == SESSION_OK)
        went = s_give_head(self, &mark, &mine);
    if (went == SESSION_OK && mine)
        went = s_give_rows(self, view);
    view_destroy(&view);
    if (went == SESSION_OK)
        went = s_plainly(self, mine ? "COMMIT" : "ROLLBACK");
    if (went != SESSION_OK)
        session_close(&self->following);
    if (went == SESSION_OK && mine) {
        log_info("directory.given", "err=%s", LOG_Q("the database has this directory now"));
        return s_mark(self, &mark);
    }
    return went == SESSION_OK ? SESSION_AGAIN : went;
}

static session_outcome_t s_take_page(copies_t *self, copy_place_t *at, view_t *fill, unsigned *rows)
{
    static const char first[] = "SELECT tbl, key, value FROM postern.directory_row ORDER BY tbl, "
                                "key LIMIT $1";
    static const char next[] = "SELECT tbl, key, value FROM postern.directory_row WHERE (tbl, key) "
                               "> ($2, $3) ORDER BY tbl, key LIMIT $1";
    statement_t page;
    char table[64] = "";
    bool begun = at->len > 0;
    statement_begin(&page, "", begun ? next : first);
    statement_int8(&page, FILL_ROWS);
    if (begun) {
        snprintf(table, sizeof table, "%s", table_names[at->table]);
        statement_text(&page, table);
        statement_bytea(&page, slice(at->key, at->len));
    }
    session_outcome_t went = session_exchange(&self->following, &page, 1, FILL_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    *rows = statement_rows(&page);
    for (unsigned i = 0; i < *rows && went == SESSION_OK; i++) {
        redo_row_t row = {.table = statement_bytes(&page, i, 0),
                          .key = statement_bytes(&page, i, 1),
                          .value = statement_bytes(&page, i, 2)};
        if (!copy_add(fill, &row))
            went = s_refuse(self, "the database has rows of a newer release: update this host");
        else if (i + 1 == *rows)
            copy_place_at(at, &row);
    }
    statement_end(&page);
    return went;
}

/* A page that took long was itself kept waiting. */
static void s_rest(int64_t took_us)
{
    int64_t rest_us = took_us * (FILL_SHARE - 1);
    if (rest_us > FILL_REST_MS * 1000)
        rest_us = FILL_REST_MS * 1000;
    nanosleep(&(struct timespec){.tv_nsec = rest_us * 1000}, NULL);
}

static session_outcome_t s_take_pages(copies_t *self, view_t *fill)
{
    copy_place_t at = {0};
    unsigned rows = FILL_ROWS;
    session_outcome_t went = SESSION_OK;
    while (went == SESSION_OK && rows == FILL_ROWS) {
        int64_t began_us = clock_us();
        monitor_tick();
        if (life_stopping())
            return s_refuse(self, "ended before it had the directory");
        went = s_take_page(self, &at, fill, &rows);
        if (went == SESSION_OK && rows == FILL_ROWS)
            s_rest(clock_us() - began_us);
    }
    return went;
}

/* What was changed since MARK, while pages were taken, some of which have it already. */
static session_outcome_t s_take_changes(copies_t *self, copy_mark_t mark, view_t *fill)
{
    statement_t log;
    unsigned rows = 2;
    session_outcome_t went = SESSION_OK;
    while (went == SESSION_OK && rows > 1) {
        monitor_tick();
        went = follow_read_log(&self->following, &mark, &log);
        if (went != SESSION_OK)
            return went;
        rows = statement_rows(&log);
        for (unsigned i = 1; i < rows && went == SESSION_OK; i++) {
            mark = follow_mark(&log, i);
            if (!copy_redo(fill, &mark, statement_bytes(&log, i, 2)))
                went =
                    s_refuse(self, "the database has changes of a newer release: update this host");
        }
        statement_end(&log);
    }
    return went;
}

/* Each page as it is when it is read: a snapshot of all would keep the server for minutes from
 * forgetting the dead rows that each change leaves, through which the next ones go. */
static session_outcome_t s_take(copies_t *self)
{
    head_t head;
    copy_mark_t none = {0};
    session_outcome_t went = s_read_head(self, &none, &head);
    if (went != SESSION_OK)
        return went;
    view_t *fill = copy_begin_fill(self->directory, &head.mark);
    went = s_take_pages(self, fill);
    if (went == SESSION_OK)
        went = s_take_changes(self, head.mark, fill);
    if (went == SESSION_OK && !copy_has_key(fill))
        went = s_refuse(self, "the master key here is not the one of the directory in the "
                              "database: copy its file (authd.master_key) from another host");
    if (went != SESSION_OK) {
        view_abort(&fill);
        return went;
    }
    view_outcome_t filled = view_commit(&fill);
    if (filled != VIEW_DONE)
        return s_refuse(self, view_outcome_text(filled));
    log_info("directory.filled", "number=%llu", (unsigned long long)copies_mark(self).number);
    return SESSION_OK;
}

session_outcome_t begin_as_copy(copies_t *self)
{
    head_t head;
    copy_mark_t mark = copies_mark(self);
    session_outcome_t went = SESSION_OK;
    if (!session_is_open(&self->following))
        went = session_open(&self->following, self->connection);
    if (went == SESSION_OK)
        went = s_read_head(self, &mark, &head);
    if (went != SESSION_OK || head.knows)
        return went;
    if (head.mark.number == 0)
        return s_give(self);
    if (mark.number == COPY_ALONE)
        return s_refuse(self, "this host's directory was changed by itself since it was a copy, as "
                              "directory.engine = lmdb has it: move data.directory's \"directory\" "
                              "away, and what data.known says of it, to take the database's, or "
                              "name a database whose directory is empty");
    view_t *view = view_new(self->directory);
    view_renew(view);
    bool ours = uuid_eq(&head.origin, &self->host), fresh = copy_is_fresh(view);
    view_destroy(&view);
    if (ours && mark.number == 0 && head.mark.number == 1)
        return s_mark(self, &head.mark); /* this process ended when it had given it */
    if (!ours && !fresh && mark.number == 0)
        return s_refuse(self, "the database has the directory of another host, and this host has "
                              "one of its own: move data.directory's \"directory\" away, and what "
                              "data.known says of it");
    return s_take(self);
}
