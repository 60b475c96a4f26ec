/* How tokens are used, told to the other hosts and heard of them (authd/directory/elsewhere.h):
 * each second a copy writes the counters that changed here, and reads those that changed elsewhere.
 * A commit of these waits for no disk: what a server loses comes with the token's next use. */
#include "authd/copies/postgres/shared.h"

#include "authd/directory/elsewhere.h"
#include "authd/directory/token_targets.h"
#include "common/base/clock.h"
#include "common/log/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    TELL_MS = 1000,
    LOOK_MS = 60000,               /* for the tables, where they are not there */
    LEAP = 1000000,                /* past numbers that are taken */
    NOTED_MOST = 1 << 20,          /* that wait; what is more comes with its next use */
    BEFORE_ROWS = COPIES_ROWS / 2, /* of what was counted before, in one turn */
};

typedef struct {
    counted_t *rows;
    size_t len, room;
} list_t;

struct uses {
    pthread_mutex_t lock; /* of the next three */
    list_t noted;
    size_t written;   /* of NOTED: the directory has them */
    list_t gone;      /* tokens that were deleted here */
    list_t telling;   /* the following thread's, like all that follows */
    size_t told;      /* of TELLING */
    uuid_t7 origin;   /* nil: not known yet */
    uint64_t number;  /* of the last record; 0: not known */
    counted_t before; /* where the telling of what was counted before stands */
    bool before_told, is_there;
    bool hears; /* an origin has more than one reading took */
    int64_t look_ms, tell_ms;
};

uses_t *uses_new(void)
{
    uses_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void uses_destroy(uses_t **self_p)
{
    uses_t *self = *self_p;
    if (!self)
        return;
    pthread_mutex_destroy(&self->lock);
    free(self->noted.rows);
    free(self->gone.rows);
    free(self->telling.rows);
    free(self);
    *self_p = NULL;
}

static void s_add(list_t *list, const counted_t *of)
{
    if (list->len == NOTED_MOST)
        return;
    if (list->len == list->room) {
        list->room = list->room ? 2 * list->room : 256;
        list->rows = realloc(list->rows, list->room * sizeof *list->rows);
        if (!list->rows)
            abort();
    }
    list->rows[list->len++] = *of;
}

void copies_used(copies_t *self, const uuid_t7 *token, const token_use_t *use)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->uses->lock);
    s_add(&self->uses->noted, &(counted_t){.token = *token});
    s_add(&self->uses->noted, &(counted_t){*token, token_target_key(use->kind, use->target)});
    pthread_mutex_unlock(&self->uses->lock);
}

void copies_counted(copies_t *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->uses->lock);
    self->uses->written = self->uses->noted.len;
    pthread_mutex_unlock(&self->uses->lock);
}

void uses_forget(copies_t *self, slice_t redo)
{
    redo_row_t row;
    counted_t of = {.token = {{0}}};
    pthread_mutex_lock(&self->uses->lock);
    while (redo_take(&redo, &row) == 1)
        if (row.gone && row.key.len == UUID_BYTES &&
            slice_is(row.table, table_names[TABLE_token_usage])) {
            memcpy(of.token.bytes, row.key.data, UUID_BYTES);
            s_add(&self->uses->gone, &of);
        }
    pthread_mutex_unlock(&self->uses->lock);
}

static int s_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(counted_t));
}

/* What was noted becomes what is told, each once. */
static void s_take_noted(uses_t *self)
{
    list_t *to = &self->telling;
    to->len = self->told = 0;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->written; i++)
        s_add(to, &self->noted.rows[i]);
    self->noted.len -= self->written;
    if (self->noted.len)
        memmove(self->noted.rows, self->noted.rows + self->written,
                self->noted.len * sizeof *self->noted.rows);
    self->written = 0;
    pthread_mutex_unlock(&self->lock);
    if (to->len)
        qsort(to->rows, to->len, sizeof *to->rows, s_order);
    size_t kept = 0;
    for (size_t i = 0; i < to->len; i++)
        if (i == 0 || s_order(&to->rows[i - 1], &to->rows[i]) != 0)
            self->telling.rows[kept++] = to->rows[i];
    to->len = kept;
}

/* In an exchange: records of this origin. */
typedef struct {
    array_t tokens, targets, numbers, records;
} told_t;

static void s_begin(told_t *self)
{
    array_begin(&self->tokens, TYPE_UUID);
    array_begin(&self->targets, TYPE_UUID);
    array_begin(&self->numbers, TYPE_INT8);
    array_begin(&self->records, TYPE_BYTEA);
}

static void s_free(told_t *self)
{
    array_free(&self->tokens);
    array_free(&self->targets);
    array_free(&self->numbers);
    array_free(&self->records);
}

/* A token that is gone by now has none. */
static void s_read_record(told_t *self, uses_t *uses, view_t *view, const counted_t *of)
{
    slice_t record;
    if (!elsewhere_own(view, of, &record))
        return;
    memcpy(array_add(&self->tokens, UUID_BYTES), of->token.bytes, UUID_BYTES);
    memcpy(array_add(&self->targets, UUID_BYTES), of->target.bytes, UUID_BYTES);
    array_add_int8(&self->numbers, ++uses->number);
    array_add_bytes(&self->records, record);
}

static void s_say_quickly(statement_t *to)
{
    statement_begin(to, "quickly", "SELECT set_config('synchronous_commit', 'off', true)");
}

static session_outcome_t s_write(copies_t *self, told_t *told)
{
    statement_t all[3];
    uses_t *uses = self->uses;
    s_say_quickly(&all[0]);
    statement_begin(&all[1], "use",
                    "INSERT INTO postern.directory_use (origin, token, target, number, record) "
                    "SELECT $1, * FROM unnest($2, $3, $4, $5) ON CONFLICT (token, origin, target) "
                    "DO UPDATE SET number = excluded.number, record = excluded.record");
    statement_uuid(&all[1], &uses->origin);
    statement_array(&all[1], &told->tokens, TYPE_UUIDS);
    statement_array(&all[1], &told->targets, TYPE_UUIDS);
    statement_array(&all[1], &told->numbers, TYPE_INT8S);
    statement_array(&all[1], &told->records, TYPE_BYTEAS);
    statement_begin(&all[2], "origin",
                    "INSERT INTO postern.directory_origin (origin, number) VALUES ($1, $2) ON "
                    "CONFLICT (origin) DO UPDATE SET number = excluded.number");
    statement_uuid(&all[2], &uses->origin);
    statement_int8(&all[2], uses->number);
    session_outcome_t went = session_exchange(&self->following, all, 3, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        statement_end_all(all, 3);
    return went;
}

/* Numbers that are taken, by what the server lost and this host told: it goes on past them. */
static session_outcome_t s_tell(copies_t *self, view_t *view, const counted_t *rows, size_t len)
{
    told_t told = {0};
    session_outcome_t went = SESSION_OK;
    s_begin(&told);
    for (size_t i = 0; i < len; i++)
        s_read_record(&told, self->uses, view, &rows[i]);
    if (told.tokens.count)
        went = s_write(self, &told);
    if (went == SESSION_SEEN)
        self->uses->number += LEAP;
    s_free(&told);
    return went;
}

static session_outcome_t s_tell_noted(copies_t *self, view_t *view)
{
    uses_t *uses = self->uses;
    if (uses->told == uses->telling.len)
        s_take_noted(uses);
    size_t left = uses->telling.len - uses->told;
    size_t len = left < COPIES_ROWS ? left : COPIES_ROWS;
    session_outcome_t went = s_tell(self, view, uses->telling.rows + uses->told, len);
    if (went == SESSION_OK)
        uses->told += len;
    return went;
}

static void s_put_number(copies_t *self, const uuid_t7 *origin, uint64_t number)
{
    view_t *view = view_begin_own(self->directory);
    elsewhere_put_number(view, origin, number);
    view_commit(&view);
}

/* What was counted before the first telling, a part a turn. */
static session_outcome_t s_tell_before(copies_t *self, view_t *view)
{
    counted_t rows[BEFORE_ROWS];
    size_t len = 0;
    uses_t *uses = self->uses;
    const counted_t *after = &uses->before;
    while (len < BEFORE_ROWS && elsewhere_next_own(view, after, &rows[len]))
        after = &rows[len++];
    session_outcome_t went = s_tell(self, view, rows, len);
    if (went != SESSION_OK)
        return went;
    if (len)
        uses->before = rows[len - 1];
    uses->before_told = len < BEFORE_ROWS;
    return went;
}

/* Of what is lost here with the server, rows stay that nobody reads. */
static session_outcome_t s_forget(copies_t *self)
{
    statement_t all[2];
    list_t gone;
    array_t tokens = {0};
    pthread_mutex_lock(&self->uses->lock);
    gone = self->uses->gone;
    self->uses->gone = (list_t){0};
    pthread_mutex_unlock(&self->uses->lock);
    if (gone.len == 0)
        return SESSION_OK;
    array_begin(&tokens, TYPE_UUID);
    for (size_t i = 0; i < gone.len; i++)
        memcpy(array_add(&tokens, UUID_BYTES), gone.rows[i].token.bytes, UUID_BYTES);
    free(gone.rows);
    s_say_quickly(&all[0]);
    statement_begin(&all[1], "unuse", "DELETE FROM postern.directory_use WHERE token = ANY ($1)");
    statement_array(&all[1], &tokens, TYPE_UUIDS);
    session_outcome_t went = session_exchange(&self->following, all, 2, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        statement_end_all(all, 2);
    array_free(&tokens);
    return went;
}

/* Of an origin that is at NUMBER. */
static view_outcome_t s_take(copies_t *self, const uuid_t7 *origin, uint64_t number,
                             const statement_t *page)
{
    unsigned rows = statement_rows(page);
    view_t *view = view_begin_own(self->directory);
    view_tolerate(view, true);
    for (unsigned i = 0; i < rows; i++) {
        counted_t of = {statement_id(page, i, 0), statement_id(page, i, 1)};
        elsewhere_put(view, origin, &of, statement_bytes(page, i, 3));
    }
    if (rows == COPIES_ROWS)
        number = statement_number(page, rows - 1, 2);
    elsewhere_put_number(view, origin, number);
    return view_commit(&view);
}

static session_outcome_t s_hear_one(copies_t *self, const uuid_t7 *origin, uint64_t from,
                                    uint64_t number)
{
    statement_t page;
    statement_begin(&page, "uses",
                    "SELECT token, target, number, record FROM postern.directory_use WHERE origin "
                    "= $1 AND number > $2 ORDER BY number LIMIT $3");
    statement_uuid(&page, origin);
    statement_int8(&page, from);
    statement_int8(&page, COPIES_ROWS);
    session_outcome_t went = session_exchange(&self->following, &page, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    self->uses->hears |= statement_rows(&page) == COPIES_ROWS;
    if (s_take(self, origin, number, &page) != VIEW_DONE)
        went = SESSION_AGAIN;
    statement_end(&page);
    return went;
}

static session_outcome_t s_hear(copies_t *self, view_t *view)
{
    statement_t origins;
    self->uses->hears = false;
    statement_begin(&origins, "origins",
                    "SELECT origin, number FROM postern.directory_origin WHERE origin <> $1");
    statement_uuid(&origins, &self->uses->origin);
    session_outcome_t went = session_exchange(&self->following, &origins, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    for (unsigned i = 0; i < statement_rows(&origins) && went == SESSION_OK; i++) {
        uuid_t7 origin = statement_id(&origins, i, 0);
        uint64_t number = statement_number(&origins, i, 1), has = elsewhere_number(view, &origin);
        if (number > has)
            went = s_hear_one(self, &origin, has, number);
    }
    statement_end(&origins);
    return went;
}

/* Which origin this is, and the number that it goes on with: past all that the server has of it,
 * and past those that it lost. */
static session_outcome_t s_know(copies_t *self)
{
    statement_t ask;
    uses_t *uses = self->uses;
    view_t *view = view_begin_own(self->directory);
    if (!elsewhere_origin(view, &uses->origin))
        uses->origin = elsewhere_begin(view);
    uses->before_told = elsewhere_number(view, &uses->origin) != 0;
    if (view_commit(&view) != VIEW_DONE)
        return SESSION_AGAIN;
    statement_begin(&ask, "", "SELECT number FROM postern.directory_origin WHERE origin = $1");
    statement_uuid(&ask, &uses->origin);
    session_outcome_t went = session_exchange(&self->following, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    uint64_t has = statement_rows(&ask) ? statement_number(&ask, 0, 0) : 0;
    uint64_t now = (uint64_t)clock_wall_ms() * 1000;
    uses->number = has > now ? has : now;
    statement_end(&ask);
    return SESSION_OK;
}

static session_outcome_t s_look(copies_t *self)
{
    statement_t ask;
    statement_begin(&ask, "",
                    "SELECT (to_regclass('postern.directory_use') IS NOT NULL AND "
                    "to_regclass('postern.directory_origin') IS NOT NULL)::int::bigint");
    session_outcome_t went = session_exchange(&self->following, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    self->uses->is_there = statement_number(&ask, 0, 0) != 0;
    statement_end(&ask);
    if (!self->uses->is_there)
        log_warn("usage.apart", "err=%s",
                 LOG_Q("the database has no tables of how tokens are used, which each host counts "
                       "for itself until posternctl db init makes them"));
    return went;
}

static session_outcome_t s_turn(copies_t *self)
{
    uses_t *uses = self->uses;
    session_outcome_t went = SESSION_OK;
    if (!uses->is_there)
        went = s_look(self);
    if (went != SESSION_OK || !uses->is_there)
        return went;
    if (uses->number == 0)
        went = s_know(self);
    bool before = uses->before_told;
    view_t *view = view_new(self->directory);
    view_renew(view);
    view_tolerate(view, true);
    if (went == SESSION_OK && !before)
        went = s_tell_before(self, view);
    if (went == SESSION_OK)
        went = s_tell_noted(self, view);
    if (went == SESSION_OK)
        went = s_hear(self, view);
    view_destroy(&view);
    if (went == SESSION_OK)
        went = s_forget(self);
    if (went == SESSION_OK && !before && uses->before_told)
        s_put_number(self, &uses->origin, 1);
    return went;
}

/* Whether a part was left for the next turn. */
static bool s_goes_on(const uses_t *uses)
{
    return uses->is_there && (!uses->before_told || uses->told < uses->telling.len || uses->hears);
}

bool uses_turn(copies_t *self, int64_t now_ms, bool all)
{
    uses_t *uses = self->uses;
    if (now_ms < uses->look_ms || (!all && now_ms < uses->tell_ms && !s_goes_on(uses)))
        return false;
    uses->tell_ms = now_ms + TELL_MS;
    session_outcome_t went = s_turn(self);
    if (went == SESSION_REFUSED || went == SESSION_GONE)
        uses->is_there = false;
    if (!uses->is_there)
        uses->look_ms = now_ms + LOOK_MS;
    if (went == SESSION_REFUSED || went == SESSION_FULL)
        log_warn("usage.apart", "err=%s", LOG_Q(self->following.text));
    return went == SESSION_OK;
}

void uses_leave(copies_t *self)
{
    const uses_t *uses = self->uses;
    while (uses_turn(self, clock_ms(), true) && uses->told < uses->telling.len)
        ;
}
