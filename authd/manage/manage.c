#include "authd/manage/manage.h"

#include "authd/directory/audit.h"
#include "authd/directory/places.h"
#include "authd/manage/authorise.h"
#include "authd/manage/change.h"
#include "authd/manage/etag.h"
#include "authd/manage/made.h"
#include "authd/manage/task.h"
#include "common/base/address.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/wake.h"
#include "common/log/log.h"

#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    MAGIC = 0x4d414e47,
    DONE_ROWS = 10000, /* of the audit, that a request is looked for in */
};

/* One operation under way. What waits for the hasher has its own copies. */
typedef struct pending {
    LIST_ENTRY(pending) link; /* of those that wait */
    task_t task;
    actor_t actor;
    char *target, who[UUID_TEXT], from[ADDRESS_TEXT];
    uuid_t7 id, key; /* of the request, and of its Idempotency-Key */
    uint64_t seen;
    const op_t *op;
    const task_row_t *row;
    const task_stage_t *stage;
    manage_answer_t answer;
    manage_done_fn *done;
    void *arg;
    uint64_t number; /* of its change, that other copies must have */
} pending_t;

struct manage {
    unsigned magic;
    directory_t *directory;
    view_t *reader;
    manage_limits_t limits;
    const char *public_url;
    void (*changed)(void *arg, const uuid_t7 *target);
    void *changed_arg;
    accounts_t *accounts;
    manage_copies_t copies;
    LIST_HEAD(, pending) waiting;  /* for the hasher */
    LIST_HEAD(, pending) settling; /* for the other copies */
};

const actor_t manage_control = {.role = USER_OWNER, .who = "control", .from = "local"};

actor_t manage_anyone(const char *from)
{
    return (actor_t){.role = USER_MEMBER, .who = "nobody", .from = from};
}

static const struct {
    const task_row_t *rows;
    unsigned of; /* where functions serve several nouns */
} s_nouns[] = {
    {manage_users, false},
    {manage_services, true},
    {manage_tokens, 0},
    {manage_token_lists, 0},
    {manage_check, 0},
    {manage_channels, PLACE_CHANNEL},
    {manage_bots, PLACE_BOT},
    {manage_extensions, 0},
    {manage_bot_handlers, OWNER_BOT},
    {manage_extension_handlers, OWNER_EXTENSION},
    {manage_audit, 0},
    {manage_mtokens, 0},
    {manage_me, 0},
    {manage_people, 0},
    {manage_about, 0},
    {manage_health, 0},
    {manage_passwords, 0},
    {manage_sessions, 0},
    {manage_invitations, 0},
    {manage_totp, 0},
    {manage_sources, 0},
    {manage_outlets, 0},
    {manage_formats, 0},
    {manage_format_try, 0},
};
static const task_stage_t *const s_stages[] = {stages_passwords, stages_invitations,
                                               stages_sessions, stages_totp, stages_known};

/* A new token passes through JSON values: what they held does not stay in freed memory. */
static void s_wiping_free(void *memory)
{
    if (memory)
        secret_wipe(memory, malloc_usable_size(memory));
    free(memory);
}

static const task_row_t *s_find_row(unsigned op, unsigned *of)
{
    for (unsigned i = 0; i < sizeof s_nouns / sizeof *s_nouns; i++)
        for (const task_row_t *row = s_nouns[i].rows; row->op; row++)
            if (row->op == op) {
                *of = s_nouns[i].of;
                return row;
            }
    return NULL;
}

const task_row_t *task_row(unsigned op)
{
    unsigned of;
    return s_find_row(op, &of);
}

/* An operation without a function is a mistake of ours that nobody has to ask for first. */
static void s_check_rows(void)
{
    for (size_t i = 0; i < op_table_len; i++)
        assert(!op_manages(&op_table[i]) || task_row(op_table[i].number));
}

manage_t *manage_new(directory_t *directory, const manage_limits_t *limits, const char *public_url)
{
    manage_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    s_check_rows();
    json_set_alloc_funcs(malloc, s_wiping_free);
    *self = (manage_t){.magic = MAGIC,
                       .directory = directory,
                       .copies = {.fd = -1},
                       .reader = view_new(directory),
                       .limits = *limits,
                       .public_url = public_url};
    return self;
}

void manage_watch(manage_t *self, void (*changed)(void *arg, const uuid_t7 *target), void *arg)
{
    assert(self->magic == MAGIC);
    self->changed = changed;
    self->changed_arg = arg;
}

void manage_share(manage_t *self, const manage_copies_t *copies)
{
    assert(self->magic == MAGIC);
    self->copies = *copies;
}

void manage_accounts(manage_t *self, accounts_t *accounts)
{
    assert(self->magic == MAGIC);
    self->accounts = accounts;
}

static void s_give_up(manage_t *self);

void manage_destroy(manage_t **self_p)
{
    manage_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    s_give_up(self);
    view_destroy(&self->reader);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

static const task_stage_t *s_find_stage(unsigned op)
{
    static const task_stage_t none = {0};
    for (unsigned i = 0; i < sizeof s_stages / sizeof *s_stages; i++)
        for (const task_stage_t *stage = s_stages[i]; stage->op; stage++)
            if (stage->op == op)
                return stage;
    return &none;
}

/* An operation for everybody asks for no rights: what its body holds is looked at by itself. */
static error_code_t s_authorise(task_t *task, const op_t *op)
{
    return op->credentials == CRED_OPEN ? ERROR_none : authorise(task, op);
}

/* In place of what was found. */
static error_code_t s_fail_damaged(task_t *task)
{
    task->gone = false;
    json_decref(task->details);
    task->details = NULL;
    return task_fail(task, ERROR_internal,
                     "A part of the directory that this needs is damaged, and nothing was changed: "
                     "the log of authd says which (directory.damaged). Look at the disk, then "
                     "restore the directory from a backup.");
}

static error_code_t s_fail_away(task_t *task, bool begun)
{
    task->gone = false;
    json_decref(task->details);
    task->details = NULL;
    return task_fail(task, ERROR_unavailable,
                     begun ? "The database of the directory was lost while this was changed, and "
                             "it is not known whether it was: look before you try again."
                           : "The database of the directory cannot be reached, and nothing was "
                             "changed: the log of authd says why (directory.unchanged).");
}

/* Of a view that has ended otherwise than it should. */
static error_code_t s_fail_commit(task_t *task, view_outcome_t outcome)
{
    return outcome == VIEW_FULL   ? ERROR_storage_full
           : outcome == VIEW_AWAY ? s_fail_away(task, true)
                                  : s_fail_damaged(task);
}

/* FN in a reading view. */
static error_code_t s_read(manage_t *self, pending_t *pending, task_fn *fn)
{
    task_t *task = &pending->task;
    task->view = self->reader;
    view_renew(task->view);
    error_code_t code = s_authorise(task, pending->op);
    if (code == ERROR_none)
        code = fn(task);
    if (view_take_damage(task->view))
        code = s_fail_damaged(task);
    view_release(task->view);
    return code;
}

/* Whether the object was as the request has seen it. The change is made and not committed yet. */
static error_code_t s_match(task_t *task)
{
    char tag[ETAG_TEXT];
    const json_t *expected = json_object_get(task->args, "if_match");
    if (!expected)
        return ERROR_none;
    assert(task->before);
    etag_of(task->before, tag);
    if (strcmp(tag, json_string_value(expected)) == 0)
        return ERROR_none;
    task_detail(task, "etag", json_string(tag));
    return ERROR_precondition_failed;
}

static void s_audit(const pending_t *pending)
{
    const task_t *task = &pending->task;
    char *changes = change_text(task);
    audit_add(task->view, &(audit_t){.time_ms = task->now_ms,
                                     .from = slice_of(task->actor->from),
                                     .changes = slice_of(changes),
                                     .who = slice_of(task->who[0] ? task->who : task->actor->who),
                                     .op = slice_of(pending->op->name),
                                     .request = pending->id,
                                     .key = pending->key,
                                     .object = slice_of(task->object)});
    free(changes);
}

/* What frees room, and what one needs for that: to log in. */
static bool s_works_when_full(const op_t *op)
{
    return op->methods == OP_DELETE || op->number == OP_login || op->number == OP_logout;
}

static error_code_t s_change(manage_t *self, pending_t *pending)
{
    task_t *task = &pending->task;
    const op_t *op = pending->op;
    bool room = s_works_when_full(op) || directory_has_room(self->directory);
    if (!directory_is_there(self->directory))
        return task_fail(
            task, ERROR_unavailable,
            "The directory's file was moved or removed, or its disk is not mounted any "
            "more: put it back in its place.");
    if (!room)
        return ERROR_storage_full;
    task->view = view_begin(self->directory);
    error_code_t code =
        self->copies.changed
            ? made_before(task, op, &(made_t){pending->id, pending->key, pending->seen})
            : ERROR_none;
    if (code == ERROR_none)
        code = s_authorise(task, op);
    if (code == ERROR_none)
        code = pending->row->run(task);
    if (view_is_damaged(task->view))
        code = s_fail_damaged(task);
    if (view_is_away(task->view))
        code = s_fail_away(task, false);
    if (code == ERROR_none)
        code = s_match(task);
    if (code != ERROR_none) {
        view_abort(&task->view);
        return code;
    }
    s_audit(pending);
    view_outcome_t outcome = view_commit(&task->view);
    if (outcome != VIEW_DONE)
        return s_fail_commit(task, outcome);
    pending->number = self->copies.changed ? self->copies.changed(self->copies.arg) : 0;
    for (unsigned i = 0; self->changed && i < task->handled_len; i++)
        self->changed(self->changed_arg, &task->handled[i]);
    log_info("directory.change", "op=%s object=%s", op->name, LOG_Q(task->object));
    return ERROR_none;
}

bool manage_only_reads(const op_t *op)
{
    /* Hundreds of hashes need a body, which GET has not; and so do a session, an invitation and an
     * event. */
    return op->methods == OP_GET || op->number == OP_token_check || op->number == OP_session_show ||
           op->number == OP_invitation_check || op->number == OP_format_try;
}

static error_code_t s_perform(manage_t *self, pending_t *pending)
{
    return manage_only_reads(pending->op) ? s_read(self, pending, pending->row->run)
                                          : s_change(self, pending);
}

/* Who asks may name itself "me" where the path has a user. */
static void s_take_me(pending_t *pending)
{
    static const char users[] = "/users/{target}";
    task_t *task = &pending->task;
    if (strncmp(pending->op->path, users, sizeof users - 1) == 0 && slice_is(task->target, "me") &&
        !uuid_is_nil(&pending->actor.user))
        task->target = slice_of(pending->who);
}

/* Everything up to the hasher: finds the operation, checks the body, prepares. */
static error_code_t s_begin(manage_t *self, pending_t *pending, const manage_request_t *request)
{
    task_t *task = &pending->task;
    const op_t *op = pending->op = op_find(request->op);
    task->op = request->op;
    const task_row_t *row = pending->row = s_find_row(request->op, &task->of);
    pending->stage = s_find_stage(request->op);
    if (op && !op_manages(op))
        return ERROR_not_allowed;
    if (!op || !row)
        return ERROR_unavailable;
    if (strstr(op->path, "{target}") && task->target.len == 0)
        return task_fail(task, ERROR_invalid_param, "The operation needs a target.");
    s_take_me(pending);
    error_code_t code = task_read(task, request, op, row);
    if (code != ERROR_none || !pending->stage->prepare)
        return code;
    return s_read(self, pending, pending->stage->prepare);
}

static pending_t *s_pending(manage_t *self, const manage_request_t *request)
{
    const actor_t *actor = request->actor;
    slice_t target = request->target;
    pending_t *pending = calloc(1, sizeof *pending);
    if (!pending || !(pending->target = malloc(target.len + 1)))
        abort();
    if (target.len)
        memcpy(pending->target, target.data, target.len);
    snprintf(pending->who, sizeof pending->who, "%s", actor->who);
    snprintf(pending->from, sizeof pending->from, "%s", actor->from);
    pending->actor = *actor;
    pending->actor.who = pending->who;
    pending->actor.from = pending->from;
    if (request->id)
        pending->id = *request->id;
    if (request->key)
        pending->key = *request->key;
    pending->seen = request->seen;
    pending->task = (task_t){.target = slice(pending->target, target.len),
                             .actor = &pending->actor,
                             .rate = self->limits.rate,
                             .burst = self->limits.burst,
                             .limits = &self->limits,
                             .public_url = self->public_url,
                             .accounts = self->accounts,
                             .cookies = request->cookies,
                             .now_ms = (uint64_t)clock_wall_ms(),
                             .message = pending->answer.message};
    return pending;
}

static void s_answer(pending_t *pending, error_code_t code)
{
    task_t *task = &pending->task;
    manage_answer_t *answer = &pending->answer;
    answer->code = code;
    answer->gone = code != ERROR_none && task->gone;
    answer->retry_after_s = (task->wait_ms + 999) / 1000;
    if (code == ERROR_none) {
        assert(task->result);
        etag_add(task->result);
        const char *etag = json_string_value(json_object_get(task->result, "etag"));
        if (etag)
            snprintf(answer->etag, sizeof answer->etag, "%s", etag);
        answer->body = json_dumps(task->result, JSON_COMPACT);
        answer->body_len = answer->body ? strlen(answer->body) : 0;
        answer->list = json_object_get(task->result, "next") != NULL;
        answer->whole = !etag && answer->body && pending->op->methods == OP_GET;
        if (answer->whole)
            etag_of_bytes(slice(answer->body, answer->body_len), answer->etag);
        assert(answer->body && answer->body_len <= MANAGE_BODY);
        answer->cookie = task->cookie;
        task->cookie = NULL;
        return;
    }
    if (answer->message[0] == '\0')
        snprintf(answer->message, sizeof answer->message, "%s", error_find(code)->message);
    if (task->details)
        manage_add_details(answer, task->details);
}

static void s_free_cookie(manage_cookie_t *cookie)
{
    if (cookie)
        secret_wipe(cookie, sizeof *cookie);
    free(cookie);
}

/* Ends it with CODE; its answer is the caller's. */
static void s_end(pending_t *pending, error_code_t code, manage_answer_t *answer)
{
    task_t *task = &pending->task;
    if (task->args && pending->stage->ended)
        pending->stage->ended(task, code);
    s_answer(pending, code);
    *answer = pending->answer;
    json_decref(task->result);
    json_decref(task->before);
    json_decref(task->details);
    json_decref(task->args);
    s_free_cookie(task->cookie);
    hash_job_destroy(&task->job);
    free(pending->target);
    free(pending);
}

/* The job to the hasher; a full queue, or share of it, is a refusal. */
static error_code_t s_submit(manage_t *self, pending_t *pending)
{
    task_t *task = &pending->task;
    switch (hasher_submit(self->accounts->hasher, &task->job, pending)) {
    case HASHER_TAKEN:
        return ERROR_none;
    case HASHER_FULL:
        return ERROR_overloaded;
    case HASHER_SHARE_FULL:
        break;
    }
    return task_fail(task, ERROR_rate_limited,
                     "%d passwords of this account, or from this network, are being checked: try "
                     "again in %u s.",
                     HASHER_SHARE, error_find(ERROR_rate_limited)->retry_after_s);
}

/* Whether other copies lack its change. */
static bool s_settles(const manage_t *self, const pending_t *pending)
{
    return pending->number && !self->copies.have(self->copies.arg, pending->number);
}

bool manage_start(manage_t *self, const manage_request_t *request, manage_answer_t *answer,
                  manage_done_fn *done, void *arg)
{
    assert(self->magic == MAGIC);
    pending_t *pending = s_pending(self, request);
    error_code_t code = s_begin(self, pending, request);
    if (code == ERROR_none && pending->task.job) {
        pending->done = done;
        pending->arg = arg;
        code = s_submit(self, pending);
        if (code == ERROR_none) {
            LIST_INSERT_HEAD(&self->waiting, pending, link);
            return false;
        }
    } else if (code == ERROR_none) {
        code = s_perform(self, pending);
        pending->done = done;
        pending->arg = arg;
        if (code == ERROR_none && s_settles(self, pending)) {
            LIST_INSERT_HEAD(&self->settling, pending, link);
            return false;
        }
    }
    s_end(pending, code, answer);
    return true;
}

static void s_tell(pending_t *pending, error_code_t code)
{
    manage_answer_t answer;
    manage_done_fn *done = pending->done;
    void *arg = pending->arg;
    LIST_REMOVE(pending, link);
    s_end(pending, code, &answer);
    done(arg, &answer);
    manage_clear(&answer);
}

int manage_fd(const manage_t *self)
{
    return self->accounts ? hasher_fd(self->accounts->hasher) : -1;
}

int manage_copies_fd(const manage_t *self)
{
    return self->copies.fd;
}

static void s_settle(manage_t *self)
{
    pending_t *pending, *next;
    if (self->copies.fd >= 0)
        wake_silence(self->copies.fd);
    for (pending = LIST_FIRST(&self->settling); pending; pending = next) {
        next = LIST_NEXT(pending, link);
        if (!s_settles(self, pending))
            s_tell(pending, ERROR_none);
    }
}

/* What was hashed is carried out, and then answered or waits for the copies. */
static void s_go_on(manage_t *self, pending_t *pending)
{
    error_code_t code = s_perform(self, pending);
    if (code != ERROR_none || !s_settles(self, pending)) {
        s_tell(pending, code);
        return;
    }
    LIST_REMOVE(pending, link);
    LIST_INSERT_HEAD(&self->settling, pending, link);
}

void manage_turn(manage_t *self)
{
    void *owner;
    s_settle(self);
    assert(self->magic == MAGIC);
    hash_job_t *job = self->accounts ? hasher_take(self->accounts->hasher, &owner) : NULL;
    while (job) {
        pending_t *pending = owner;
        pending->task.job = job;
        pending->task.now_ms = (uint64_t)clock_wall_ms();
        s_go_on(self, pending);
        job = hasher_take(self->accounts->hasher, &owner);
    }
}

static void s_give_up(manage_t *self)
{
    while (!LIST_EMPTY(&self->waiting))
        s_tell(LIST_FIRST(&self->waiting), ERROR_unavailable);
    while (!LIST_EMPTY(&self->settling))
        s_tell(LIST_FIRST(&self->settling), ERROR_unavailable);
}

bool manage_has_done(manage_t *self, const uuid_t7 *id, bool *unknown)
{
    assert(self->magic == MAGIC);
    view_renew(self->reader);
    bool done = audit_has(self->reader, id, DONE_ROWS);
    *unknown = view_take_damage(self->reader) && !done;
    view_release(self->reader);
    return done;
}

void manage_clear(manage_answer_t *answer)
{
    if (answer->body) {
        secret_wipe(answer->body, answer->body_len);
        free(answer->body);
    }
    s_free_cookie(answer->cookie);
    *answer = (manage_answer_t){0};
}
