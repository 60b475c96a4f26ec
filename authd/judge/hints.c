#include "authd/judge/hints.h"

#include "authd/directory/audit.h"
#include "authd/directory/extensions.h"
#include "authd/directory/outlets.h"
#include "authd/directory/places.h"
#include "authd/directory/tokens.h"
#include "authd/directory/users.h"
#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/stream/hint.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const several_t *reader;
    bool sees_all;
    bytes_t rows;
    uint32_t count;
    bool more;
} hints_t;

static void s_add(hints_t *self, event_t event, const uuid_t7 *key, uint64_t stamp,
                  const char *json)
{
    hint_t hint = {.event = event, .key = *key, .stamp = stamp, .json = slice_of(json)};
    if (hint.json.len > HINT_JSON)
        return;
    hint_write(&hint, &self->rows);
    self->count++;
}

/* --- What changed */

/* A row of the audit, without the view's slices. */
typedef struct {
    const op_t *op;
    uuid_t7 object;
    bool named, own; /* OBJECT is an id; the reader did it */
} change_t;

static const op_t *s_op(slice_t name)
{
    for (size_t i = 0; i < op_table_len; i++)
        if (slice_is(name, op_table[i].name))
            return &op_table[i];
    return NULL;
}

static change_t s_change(const hints_t *self, const audit_t *row)
{
    char user[UUID_TEXT];
    change_t change = {.op = s_op(row->op)};
    size_t len = row->object.len < UUID_TEXT - 1 ? row->object.len : UUID_TEXT - 1;
    uuid_text(&self->reader->user, user);
    change.named = uuid_parse(row->object.data, len, &change.object) == 0;
    change.own = slice_is(row->who, user);
    return change;
}

static bool s_is_of_place(const hints_t *self, place_kind_t kind, const uuid_t7 *id)
{
    place_t place;
    const several_t *reader = self->reader;
    return places_get(reader->view, kind, id, &place) &&
           (uuid_eq(&place.owner, &reader->user) ||
            place_has(reader->view, kind, id, &reader->user));
}

/* Whether it is the reader's own, or the reader is among its people. */
static bool s_is_of_reader(const hints_t *self, const uuid_t7 *id)
{
    view_t *view = self->reader->view;
    const uuid_t7 *user = &self->reader->user;
    extension_t extension;
    token_t token;
    outlet_t outlet;
    if (uuid_eq(id, user) || s_is_of_place(self, PLACE_CHANNEL, id) ||
        s_is_of_place(self, PLACE_BOT, id))
        return true;
    if (extensions_get(view, id, &extension))
        return uuid_eq(&extension.owner, user);
    if (tokens_find(view, id, &token))
        return uuid_eq(&token.user, user);
    return outlets_get(view, id, &outlet) && s_is_of_place(self, PLACE_CHANNEL, &outlet.channel);
}

/* What an operator reads is in the audit, too. */
static bool s_is_seen(const hints_t *self, const change_t *change)
{
    if (!change->op || !op_manages(change->op) || op_reads(change->op))
        return false;
    return self->sees_all || change->own ||
           (change->named && s_is_of_reader(self, &change->object));
}

static void s_tell(hints_t *self, const change_t *change)
{
    char json[256], id[UUID_TEXT];
    uuid_text(&change->object, id);
    if (change->named)
        snprintf(json, sizeof json, "{\"op\":\"%s\",\"id\":\"%s\"}", change->op->name, id);
    else
        snprintf(json, sizeof json, "{\"op\":\"%s\",\"id\":null}", change->op->name);
    s_add(self, EVENT_directory, &change->object, 0, json);
}

/* Behind the newest row that is from before SINCE_MS. */
static uint64_t s_begin(const several_t *reader, uint64_t last, uint64_t since_ms)
{
    audit_t row;
    uint64_t at = last;
    while (at > 0 && last - at < HINT_ROWS && audit_next(reader->view, at - 1, &row) &&
           row.time_ms >= since_ms)
        at--;
    return at;
}

/* Returns up to which row is known. */
static uint64_t s_directory(hints_t *self, uint64_t after, uint64_t since_ms)
{
    audit_t row;
    view_t *view = self->reader->view;
    uint64_t last = audit_last(view);
    if (after == 0)
        after = s_begin(self->reader, last, since_ms);
    if (after > last || last - after > HINTS_BEHIND) {
        s_add(self, EVENT_directory, &self->reader->user, 0, "{\"op\":null,\"id\":null}");
        return last;
    }
    while (self->count < HINT_ROWS && audit_next(view, after, &row)) {
        after = row.number;
        change_t change = s_change(self, &row);
        if (s_is_seen(self, &change))
            s_tell(self, &change);
    }
    self->more = after < last;
    return after;
}

/* --- What was used */

static void s_tell_use(hints_t *self, const uuid_t7 *id, const token_use_t *use)
{
    char token[UUID_TEXT], time[CLOCK_TEXT];
    uuid_text(id, token);
    clock_text((int64_t)use->last_ms, time);
    json_t *data =
        json_pack("{s:s, s:s, s:s%, s:s%}", "id", token, "last_used", time, "last_target",
                  use->target.len ? use->target.data : "", use->target.len, "last_address",
                  use->address.len ? use->address.data : "", use->address.len);
    char *json = data ? json_dumps(data, JSON_COMPACT) : NULL;
    if (json) /* else a target was cut within a character */
        s_add(self, EVENT_token_used, id, use->last_ms, json);
    json_decref(data);
    free(json);
}

/* A use is written a while after it was: all that may be new since then are told. */
static void s_used(hints_t *self, uint64_t since_ms, uint64_t now_ms)
{
    const several_t *reader = self->reader;
    uint64_t from_ms = since_ms + HINTS_USED_MS > now_ms ? since_ms : now_ms - HINTS_USED_MS;
    token_t token;
    token_use_t use;
    unsigned looked = 0;
    bool more = tokens_next(reader->view, &reader->user, NULL, &token);
    for (; more && looked < HINTS_TOKENS; looked++) {
        uuid_t7 id = token.id;
        if (tokens_use(reader->view, &id, &use) && use.last_ms > from_ms)
            s_tell_use(self, &id, &use);
        more = tokens_next(reader->view, &reader->user, &id, &token);
    }
}

void hints_answer(const several_t *reader, const ask_t *ask, bytes_t *out)
{
    user_t user;
    hints_t self = {.reader = reader};
    uint64_t since_ms = ask->time_ms > 0 ? (uint64_t)ask->time_ms : 0, after = ask->after;
    if (users_get(reader->view, &reader->user, &user))
        self.sees_all = user.role >= USER_ADMIN;
    if (ask->count & 1u << EVENT_token_used)
        s_used(&self, since_ms, (uint64_t)reader->wall_ms);
    if (ask->count & 1u << EVENT_directory)
        after = s_directory(&self, after, since_ms);
    found_t found = {.kind = FOUND_HINTS,
                     .more = self.more,
                     .generation = self.sees_all,
                     .after = after,
                     .count = self.count,
                     .rows = bytes_slice(&self.rows)};
    found_write(&found, out);
    bytes_free(&self.rows);
}
