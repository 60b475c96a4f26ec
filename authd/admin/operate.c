#include "authd/admin/operate.h"

#include "authd/admin/followed.h"
#include "authd/directory/audit.h"
#include "authd/manage/manage.h"
#include "common/base/clock.h"
#include "common/base/ops.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct operate {
    directory_t *directory;
    reads_t *reads;
    followed_t *followed;
    view_t *view;
    judge_t judge;
    pack_t params;
};

operate_t *operate_new(directory_t *directory, reads_t *reads)
{
    operate_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->directory = directory;
    self->reads = reads;
    self->followed = followed_new();
    self->view = view_new(directory);
    return self;
}

void operate_destroy(operate_t **self_p)
{
    operate_t *self = *self_p;
    if (!self)
        return;
    view_destroy(&self->view);
    followed_destroy(&self->followed);
    verdict_close(&self->judge);
    pack_free(&self->params);
    free(self);
    *self_p = NULL;
}

bool operate_takes(unsigned op)
{
    const op_t *row = op_find(op);
    return row && row->credentials == CRED_TOKEN && verdict_reads(op);
}

/* Says that a history is read on from here; authd's own. */
static const char s_follow[] = "follow";

static const char s_no_room[] =
    "This is recorded in the audit, and the directory has no room for the record: make room on its "
    "disk, or raise authd.map_bytes.";

static const char s_damaged[] =
    "This is recorded in the audit, which is damaged: the log of authd says where "
    "(directory.damaged).";

/* What the workers read. Another one could be a credential that went astray, and what is given is
 * kept in the audit for ever. */
static bool s_is_param(const char *name)
{
    static const char *const names[] = {
#define PARAM(name, of) name,
#include "common/read_params.def"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool s_is_history(unsigned op)
{
    return op_find(op)->deed == DOES_READ;
}

/* A parameter's value as the query would have it; false when it is none. */
static bool s_add_param(pack_t *params, const char *name, const json_t *value)
{
    char number[24];
    slice_t text = slice(json_string_value(value), json_string_length(value));
    if (json_is_integer(value))
        text = slice(number, (size_t)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                                              json_integer_value(value)));
    else if (!json_is_string(value))
        return false;
    wire_pairs_add(params, slice_of(name), text);
    return true;
}

/* What no peer takes would be dropped with the batch that it shares with others. */
static error_code_t s_too_many(char *message)
{
    snprintf(message, MANAGE_MESSAGE, "There are more than %d parameters, or %d bytes of them.",
             WIRE_PAIRS, WIRE_PAIRS_BYTES);
    return ERROR_invalid_param;
}

static error_code_t s_read_params(operate_t *self, unsigned op, json_t *args, char *message)
{
    const char *name;
    json_t *value;
    pack_reset(&self->params);
    if (json_object_size(args) > WIRE_PAIRS)
        return s_too_many(message);
    json_object_foreach (args, name, value) {
        bool known = s_is_param(name);
        if (s_is_history(op) && strcmp(name, s_follow) == 0 && json_is_true(value))
            continue;
        if (known && s_add_param(&self->params, name, value))
            continue;
        snprintf(message, MANAGE_MESSAGE,
                 known ? "A parameter must be a text or a number."
                       : "One of the parameters is none of these operations' (API.md).");
        return ERROR_invalid_param;
    }
    return self->params.len > WIRE_PAIRS_BYTES ? s_too_many(message) : ERROR_none;
}

/* The canonical target into REQUEST, whose slice is the judge's or NAME's from here on. */
static error_code_t s_find(operate_t *self, wire_request_t *request, char name[WIRE_TARGET + 1],
                           char *message)
{
    view_renew(self->view);
    verdict_t verdict =
        verdict_operate(&self->judge, self->view, request, (uint64_t)clock_wall_ms());
    assert(request->target.len <= WIRE_TARGET);
    snprintf(name, WIRE_TARGET + 1, "%.*s", SLICE_ARG(request->target));
    if (verdict.detail.len)
        snprintf(message, MANAGE_MESSAGE, "%.*s", SLICE_ARG(verdict.detail));
    view_release(self->view);
    request->target = slice_of(name);
    return verdict.code;
}

/* A row that cannot be written is a read that is not made. */
static error_code_t s_can_audit(operate_t *self, char *message)
{
    bool room = directory_has_room(self->directory);
    if (!directory_is_there(self->directory)) {
        snprintf(message, MANAGE_MESSAGE,
                 "This is recorded in the audit, and the directory's file was moved or removed, or "
                 "its disk is not mounted any more: put it back in its place.");
        return ERROR_unavailable;
    }
    if (room)
        return ERROR_none;
    snprintf(message, MANAGE_MESSAGE, "%s", s_no_room);
    return ERROR_storage_full;
}

static error_code_t s_write(operate_t *self, const wire_request_t *request, json_t *args,
                            char *message)
{
    char object[UUID_TEXT + WIRE_TARGET + 2], id[UUID_TEXT];
    json_t *given = json_pack("{s:O}", "given", args);
    char *changes = given ? json_dumps(given, JSON_COMPACT) : NULL;
    uuid_text(&request->principal.target, id);
    snprintf(object, sizeof object, "%s %.*s", id, SLICE_ARG(request->target));
    view_t *view = view_begin(self->directory);
    audit_add(view, &(audit_t){.time_ms = (uint64_t)clock_wall_ms(),
                               .who = slice_of(manage_control.who),
                               .from = slice_of(manage_control.from),
                               .op = slice_of(op_find(request->op)->name),
                               .object = slice_of(object),
                               .changes = slice_of(changes ? changes : "{}")});
    json_decref(given);
    free(changes);
    view_outcome_t outcome = view_commit(&view);
    if (outcome == VIEW_DONE)
        return ERROR_none;
    snprintf(message, MANAGE_MESSAGE, "%s",
             outcome == VIEW_FULL   ? s_no_room
             : outcome == VIEW_AWAY ? view_outcome_text(outcome)
                                    : s_damaged);
    return outcome == VIEW_FULL   ? ERROR_storage_full
           : outcome == VIEW_AWAY ? ERROR_unavailable
                                  : ERROR_internal;
}

/* A page of a reading that goes on has its row already. */
static error_code_t s_audit(operate_t *self, const wire_request_t *request, json_t *args,
                            char *message)
{
    int64_t now_ms = clock_ms();
    followed_page_t page = {.origin = request->origin,
                            .op = request->op,
                            .environment = request->principal.environment,
                            .target = request->principal.target};
    bool follows = json_object_get(args, s_follow) && followed_place(args, &page);
    if (follows && followed_has(self->followed, &page, now_ms))
        return ERROR_none;
    error_code_t code = s_can_audit(self, message);
    if (code == ERROR_none)
        code = s_write(self, request, args, message);
    if (code == ERROR_none && follows)
        followed_note(self->followed, &page, now_ms);
    return code;
}

static error_code_t s_ask(operate_t *self, wire_request_t *request, json_t *args, char *message)
{
    char name[WIRE_TARGET + 1];
    const reads_asker_t asker = {request->id, request->origin, request->attempt};
    error_code_t code = s_find(self, request, name, message);
    if (code == ERROR_none)
        code = s_read_params(self, request->op, args, message);
    if (code == ERROR_none)
        code = s_audit(self, request, args, message);
    if (code != ERROR_none)
        return code;
    request->params = wire_pairs_of(&self->params);
    request->method = op_find(request->op)->methods & OP_GET ? OP_GET : OP_POST;
    return reads_ask(self->reads, &asker, request) ? ERROR_none : ERROR_overloaded;
}

error_code_t operate_ask(operate_t *self, const wire_request_t *request, slice_t body,
                         char *message)
{
    wire_request_t entry = *request;
    json_t *args =
        body.len ? json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, NULL) : json_object();
    error_code_t code =
        json_is_object(args) ? s_ask(self, &entry, args, message) : ERROR_invalid_json;
    json_decref(args);
    return code;
}
