#include "authd/judge/several.h"

#include "authd/directory/extensions.h"
#include "authd/directory/places.h"
#include "authd/directory/users.h"
#include "common/base/ops.h"

#include <assert.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGEST = 8, NAME = GRANT_NAME };

/* What a list is made of. */
typedef struct {
    const several_t *reader;
    bytes_t *rows;
    uint32_t count;
    uuid_t7 seen[LISTED_MOST];
} list_t;

/* A target before it is judged: how it is asked for, and what is shown of it. */
typedef struct {
    unsigned op;
    const char *kind;
    char name[NAME]; /* by which it is found again */
    slice_t shown;   /* the view's */
    const char *app; /* of an extension, its app-id; or NULL */
} target_t;

static char *s_label(const target_t *target, const uuid_t7 *id)
{
    char text[UUID_TEXT];
    uuid_text(id, text);
    json_t *label = json_pack("{s:s, s:s, s:o}", "kind", target->kind, "id", text, "name",
                              json_stringn(target->shown.data, target->shown.len));
    if (target->app)
        json_object_set_new(label, "app", json_string(target->app));
    char *json = json_dumps(label, JSON_COMPACT);
    assert(json);
    json_decref(label);
    return json;
}

static bool s_is_seen(const list_t *self, const uuid_t7 *id)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (uuid_eq(&self->seen[i], id))
            return true;
    return false;
}

/* The operation by which the reader reads what one with a webhook token reads by OP. */
static unsigned s_door(const several_t *reader, unsigned op)
{
    if (!reader->person)
        return op;
    return op == OP_bot_stream         ? OP_person_bot_stream
           : op == OP_extension_stream ? OP_person_extension_stream
           : op == OP_buddy_stream     ? OP_person_user_stream
                                       : OP_person_channel_stream;
}

void several_put(const several_t *self, unsigned op, const uuid_t7 *target, slice_t name,
                 slice_t label, bytes_t *rows)
{
    listed_t row = {.grant = {.op = op,
                              .token = self->token,
                              .target = *target,
                              .client = self->client,
                              .name = name},
                    .label = label};
    grant_seal(&row.grant, self->key, row.grant.seal);
    listed_write(&row, rows);
}

static void s_write(list_t *self, const target_t *target, const uuid_t7 *id)
{
    const several_t *reader = self->reader;
    char *label = s_label(target, id);
    several_put(reader, s_door(reader, target->op), id, slice_of(target->name), slice_of(label),
                self->rows);
    free(label);
    self->seen[self->count++] = *id;
}

/* Adds the target if the reader may read it. */
static error_code_t s_add(list_t *self, const target_t *target)
{
    const several_t *reader = self->reader;
    wire_request_t request = {.op = s_door(reader, target->op),
                              .method = OP_GET,
                              .target = slice_of(target->name),
                              .client = reader->client};
    error_code_t code =
        verdict_regrant(reader->judge, reader->view, &request, &reader->token, reader->wall_ms);
    const uuid_t7 *id = &request.principal.target;
    if (code == ERROR_none && self->count < LISTED_MOST && !s_is_seen(self, id))
        s_write(self, target, id);
    return code;
}

static void s_name_place(const place_t *place, target_t *target)
{
    uuid_text(&place->id, target->name);
    target->shown = place->name;
}

static error_code_t s_find_place(const several_t *reader, place_kind_t kind, slice_t name,
                                 target_t *target)
{
    place_t place;
    if (!places_find(reader->view, kind, name, &place))
        return kind == PLACE_BOT              ? ERROR_unknown_bot
               : target->op == OP_chat_stream ? ERROR_unknown_chat
                                              : ERROR_unknown_channel;
    s_name_place(&place, target);
    return ERROR_none;
}

static error_code_t s_find_extension(const several_t *reader, slice_t name, target_t *target)
{
    app_t app;
    extension_t extension;
    bool is_app = name.len < APP_ID_TEXT && apps_get(reader->view, name, &app);
    if (is_app ? !extensions_get(reader->view, &app.extension, &extension)
               : !extensions_find(reader->view, name, &extension))
        return ERROR_unknown_app;
    if (is_app)
        memcpy(target->name, name.data, name.len);
    else
        extension_app_id(&extension, ENVIRONMENT_MARKETPLACE, target->name);
    target->shown = extension.name;
    target->app = target->name;
    return ERROR_none;
}

static error_code_t s_find_user(const several_t *reader, slice_t name, target_t *target)
{
    user_t user;
    bool found = name.len == 0 ? users_get(reader->view, &reader->user, &user)
                               : users_find(reader->view, name, &user);
    if (!found)
        return ERROR_unknown_user;
    uuid_text(&user.id, target->name);
    target->shown = user.email;
    return ERROR_none;
}

static const struct {
    const char *kind;
    unsigned op;
} s_of_kind[] = {{"channel", OP_channel_id_stream},
                 {"chat", OP_chat_stream},
                 {"bot", OP_bot_stream},
                 {"extension", OP_extension_stream},
                 {"buddy", OP_buddy_stream}};
enum { KINDS = sizeof s_of_kind / sizeof *s_of_kind };

static const char s_kinds[] =
    "targets are to be as channel:NAME,chat:ID,bot:NAME,extension:APP-ID,buddy";

/* TEXT: a kind, and behind a colon a name. */
static error_code_t s_find(const several_t *reader, slice_t text, target_t *target)
{
    const char *colon = memchr(text.data, ':', text.len);
    size_t len = colon ? (size_t)(colon - text.data) : text.len;
    slice_t name = colon ? slice(colon + 1, text.len - len - 1) : slice("", 0);
    *target = (target_t){.op = 0};
    for (size_t i = 0; i < KINDS; i++)
        if (slice_is(slice(text.data, len), s_of_kind[i].kind)) {
            target->kind = s_of_kind[i].kind;
            target->op = s_of_kind[i].op;
        }
    if (target->op == OP_buddy_stream)
        return s_find_user(reader, name, target);
    if (target->op == 0 || name.len == 0 || name.len > WIRE_TARGET)
        return ERROR_invalid_param;
    if (target->op == OP_extension_stream)
        return s_find_extension(reader, name, target);
    return s_find_place(reader, target->op == OP_bot_stream ? PLACE_BOT : PLACE_CHANNEL, name,
                        target);
}

static error_code_t s_named(list_t *self, slice_t targets, char detail[SEVERAL_DETAIL])
{
    target_t target;
    error_code_t code = ERROR_none;
    unsigned named = 0;
    for (bool more = true; more && code == ERROR_none;) {
        const char *comma = memchr(targets.data, ',', targets.len);
        size_t len = comma ? (size_t)(comma - targets.data) : targets.len;
        slice_t text = slice(targets.data, len);
        more = comma;
        targets = more ? slice(comma + 1, targets.len - len - 1) : targets;
        if (++named > LISTED_NAMED) {
            snprintf(detail, SEVERAL_DETAIL, "A stream has at most %d targets that are named.",
                     LISTED_NAMED);
            return ERROR_invalid_param;
        }
        code = s_find(self->reader, text, &target);
        if (code != ERROR_none && code != ERROR_invalid_param && self->reader->person)
            code = ERROR_not_allowed; /* whether it is there or not */
        if (code == ERROR_none)
            code = s_add(self, &target);
        if (code != ERROR_none)
            snprintf(detail, SEVERAL_DETAIL, "%.*s: %s",
                     (int)(text.len < WIRE_TARGET ? text.len : WIRE_TARGET), text.data,
                     code == ERROR_invalid_param ? s_kinds : error_find(code)->message);
    }
    return code;
}

static void s_all_places(list_t *self, place_kind_t kind)
{
    const several_t *reader = self->reader;
    place_t place;
    target_t target = {.op = kind == PLACE_BOT ? OP_bot_stream : OP_channel_id_stream,
                       .kind = kind == PLACE_BOT ? "bot" : "channel"};
    for (bool more = places_next_seen(reader->view, kind, &reader->user, NULL, &place); more;
         more = places_next_seen(reader->view, kind, &reader->user, &place.id, &place)) {
        if (place.archived_ms || self->count == LISTED_MOST)
            continue;
        s_name_place(&place, &target);
        s_add(self, &target);
    }
}

static void s_all_extensions(list_t *self)
{
    const several_t *reader = self->reader;
    uuid_t7 id;
    extension_t extension;
    for (bool more = extensions_next_of(reader->view, &reader->user, NULL, &id); more;
         more = extensions_next_of(reader->view, &reader->user, &id, &id)) {
        if (!extensions_get(reader->view, &id, &extension) || extension.archived_ms)
            continue;
        target_t target = {.op = OP_extension_stream, .kind = "extension", .shown = extension.name};
        target.app = target.name;
        extension_app_id(&extension, ENVIRONMENT_MARKETPLACE, target.name);
        s_add(self, &target);
        extension_app_id(&extension, ENVIRONMENT_SANDBOX, target.name);
        s_add(self, &target);
    }
}

static void s_all(list_t *self)
{
    target_t own = {.op = OP_buddy_stream, .kind = "buddy"};
    if (s_find_user(self->reader, slice("", 0), &own) == ERROR_none)
        s_add(self, &own);
    s_all_places(self, PLACE_CHANNEL);
    s_all_places(self, PLACE_BOT);
    s_all_extensions(self);
}

/* The right to ask for the list again. */
static void s_write_right(const several_t *self, bytes_t *rows)
{
    several_put(self, self->person ? OP_person_streams : OP_streams, &self->user, slice("", 0),
                slice_of("{}"), rows);
}

error_code_t several_list(const several_t *self, const slice_t *targets, bytes_t *rows,
                          uint32_t *count, char detail[SEVERAL_DETAIL])
{
    list_t list = {.reader = self, .rows = rows};
    error_code_t code = ERROR_none;
    if (!targets)
        s_write_right(self, rows);
    if (targets)
        code = s_named(&list, *targets, detail);
    else
        s_all(&list);
    *count = list.count + !targets;
    return code;
}

void several_names(const bytes_t *rows, bytes_t *out)
{
    bytes_in_t in = {rows->data, rows->len, false};
    listed_t row;
    while (in.left > 0 && listed_read(&in, &row)) {
        for (size_t i = 0; i < KINDS; i++)
            if (s_of_kind[i].op == row.grant.op) {
                bytes_put(out, ",", out->len > 0);
                bytes_put(out, s_of_kind[i].kind, strlen(s_of_kind[i].kind));
            }
        bytes_put(out, ":", 1);
        bytes_put(out, row.grant.name.data, row.grant.name.len);
    }
}

static uint64_t s_digest(const bytes_t *rows)
{
    uint8_t hash[crypto_generichash_BYTES_MIN];
    uint64_t digest;
    crypto_generichash(hash, sizeof hash, (const uint8_t *)rows->data, rows->len, NULL, 0);
    memcpy(&digest, hash, sizeof digest);
    return digest;
}

static void s_answer(const bytes_t *rows, uint32_t count, uint64_t digest, bool more,
                     uint64_t ends_ms, bytes_t *out)
{
    found_t found = {.kind = FOUND_LISTED,
                     .more = more,
                     .after = digest,
                     .upto = ends_ms,
                     .count = count,
                     .rows = rows ? bytes_slice(rows) : slice("", 0)};
    found_write(&found, out);
}

void several_answer(const bytes_t *rows, uint32_t count, uint64_t ends_ms, bytes_t *out)
{
    s_answer(rows, count, s_digest(rows), true, ends_ms, out);
}

void several_again(const several_t *self, uint64_t digest, bytes_t *out)
{
    char detail[SEVERAL_DETAIL];
    bytes_t rows = {0};
    uint32_t count;
    several_list(self, NULL, &rows, &count, detail);
    uint64_t now = s_digest(&rows);
    if (now == digest)
        s_answer(NULL, 0, now, false, 0, out);
    else
        s_answer(&rows, count, now, true, 0, out);
    bytes_free(&rows);
}
