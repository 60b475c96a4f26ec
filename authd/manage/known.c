#include "authd/manage/known.h"

#include "authd/directory/extensions.h"
#include "authd/directory/places.h"

#include <assert.h>
#include <stdio.h>

/* One request's look-ups of whether one is among the people of a place. */
typedef struct {
    task_t *task;
    unsigned left;
} look_t;

/* Reads as often for one who is not there, who is then of the nil id. */
bool known_find(view_t *view, slice_t id_or_email, user_t *user)
{
    static const uuid_t7 nobody = {{0}};
    bool found = users_find(view, id_or_email, user);
    if (!found) {
        users_get(view, &nobody, user);
        *user = (user_t){.id = nobody, .name = slice("", 0), .email = slice("", 0)};
    }
    return found;
}

/* Goes through all places of who asks unless it finds one: what it costs tells nothing of who is
 * not known. */
static bool s_share(look_t *self, place_kind_t kind, const uuid_t7 *a, const uuid_t7 *b)
{
    uuid_t7 place;
    view_t *view = self->task->view;
    for (bool more = places_next_of(view, kind, a, NULL, &place); more && self->left > 0;
         more = places_next_of(view, kind, a, &place, &place)) {
        self->left--;
        if (place_has(view, kind, &place, b))
            return true;
    }
    return false;
}

bool known_shares(task_t *task, const uuid_t7 *user, unsigned *left)
{
    look_t look = {.task = task, .left = *left};
    const uuid_t7 *actor = &task->actor->user;
    bool shares = uuid_eq(actor, user) || s_share(&look, PLACE_CHANNEL, actor, user) ||
                  s_share(&look, PLACE_BOT, actor, user);
    *left = look.left;
    return shares;
}

static error_code_t s_unknown(task_t *task, const char *what)
{
    return task_field(
        task, ERROR_unknown_user, what,
        "there is no active user with this id, nor one with this email address "
        "with whom you share a channel or a bot. Name others by id, or ask an admin.");
}

static error_code_t s_check(look_t *self, const json_t *name, const char *what)
{
    uuid_t7 id;
    user_t user;
    slice_t text = slice(json_string_value(name), json_string_length(name));
    if (uuid_parse(text.data, text.len, &id) == 0)
        return ERROR_none;
    known_find(self->task->view, text, &user);
    if (known_shares(self->task, &user.id, &self->left))
        return ERROR_none;
    if (self->left > 0)
        return s_unknown(self->task, what);
    return task_field(self->task, ERROR_invalid_param, what,
                      "these are too many names at once for the number of channels and bots "
                      "that you are in. Name fewer, or by id.");
}

static error_code_t s_check_each(look_t *self, const char *field, const json_t *names)
{
    size_t i;
    const json_t *name;
    char what[64];
    error_code_t code = ERROR_none;
    for (i = 0; code == ERROR_none && i < json_array_size(names); i++) {
        name = json_array_get(names, i);
        snprintf(what, sizeof what, "%s[%zu]", field, i);
        code = s_check(self, name, what);
    }
    return code;
}

/* Before the change, in a reading view: what it costs keeps no writer waiting. */
static error_code_t s_prepare(task_t *task)
{
    static const char *const fields[] = {"owner", "user", "members", "subscribers"};
    look_t look = {.task = task, .left = KNOWN_LOOKS};
    error_code_t code = ERROR_none;
    task->knows = true;
    for (unsigned i = 0; i < sizeof fields / sizeof *fields && code == ERROR_none; i++) {
        const json_t *value = json_object_get(task->args, fields[i]);
        if (task->actor->role != USER_MEMBER || !value)
            continue;
        code = json_is_array(value) ? s_check_each(&look, fields[i], value)
                                    : s_check(&look, value, fields[i]);
    }
    return code;
}

const task_stage_t stages_known[] = {
    {OP_channel_create, s_prepare, NULL},     {OP_bot_create, s_prepare, NULL},
    {OP_channel_edit, s_prepare, NULL},       {OP_bot_edit, s_prepare, NULL},
    {OP_extension_edit, s_prepare, NULL},     {OP_channel_member_add, s_prepare, NULL},
    {OP_bot_subscriber_add, s_prepare, NULL}, {0},
};

error_code_t known_user(task_t *task, slice_t id_or_email, const char *what, user_t *user)
{
    assert(task->knows);
    if (task->actor->role != USER_MEMBER)
        return task_user(task, id_or_email, what, user);
    return users_find(task->view, id_or_email, user) ? ERROR_none : s_unknown(task, what);
}

error_code_t known_quota(task_t *task, const uuid_t7 *owner)
{
    uint64_t most = task->limits->member_objects;
    if (task->actor->role != USER_MEMBER || most == 0)
        return ERROR_none;
    unsigned owned = places_owned(task->view, PLACE_CHANNEL, owner, (unsigned)most) +
                     places_owned(task->view, PLACE_BOT, owner, (unsigned)most) +
                     extensions_owned(task->view, owner, (unsigned)most);
    if (owned < most)
        return ERROR_none;
    task_detail(task, "limit", json_integer((json_int_t)most));
    return ERROR_quota_reached;
}
