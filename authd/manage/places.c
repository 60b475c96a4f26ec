/* Operations on channels and bots, which differ in their words: task->of is a place_kind_t. */
#include "authd/directory/places.h"
#include "authd/manage/filter.h"
#include "authd/manage/known.h"
#include "authd/manage/methods.h"
#include "authd/manage/profile.h"
#include "authd/manage/retention.h"
#include "authd/manage/task.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *noun, *nouns, *people;
    error_code_t unknown;
} s_words[] = {
    [PLACE_CHANNEL] = {"channel", "channels", "members", ERROR_unknown_channel},
    [PLACE_BOT] = {"bot", "bots", "subscribers", ERROR_unknown_bot},
};

static json_t *s_urls(const task_t *task, const place_t *place)
{
    static const unsigned endpoints[][2] = {
        [PLACE_CHANNEL] = {OP_channel_message, 0}, [PLACE_BOT] = {OP_bot_incoming, OP_bot_message}};
    char name[128];
    json_t *urls = json_array();
    snprintf(name, sizeof name, "%.*s", SLICE_ARG(place->name));
    for (unsigned i = 0; i < 2 && endpoints[task->of][i]; i++)
        json_array_append_new(urls, task_json_url(task, endpoints[task->of][i], name, NULL));
    return urls;
}

/* Where to send, without a credential; urls have the same with one, and are not told apart. */
static json_t *s_endpoints(const task_t *task, const place_t *place)
{
    static const unsigned message[] = {
        [PLACE_CHANNEL] = OP_channel_message, [PLACE_BOT] = OP_bot_message};
    static const unsigned incoming[] = {
        [PLACE_CHANNEL] = OP_channel_incoming, [PLACE_BOT] = OP_bot_incoming};
    char name[128];
    snprintf(name, sizeof name, "%.*s", SLICE_ARG(place->name));
    return json_pack("{s:o, s:o}", "message", task_json_endpoint(task, message[task->of], name),
                     "incoming", task_json_endpoint(task, incoming[task->of], name));
}

static json_t *s_json(const task_t *task, const place_t *place)
{
    json_t *all =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", task_json_id(&place->id), "name",
                  task_json_text(place->name), "owner", task_json_id(&place->owner), "created",
                  task_json_time(place->created_ms), "archived", task_json_time(place->archived_ms),
                  "reason", place->reason.len ? task_json_text(place->reason) : json_null(), "urls",
                  s_urls(task, place));
    json_object_set_new(all, "endpoints", s_endpoints(task, place));
    profile_add(task, &place->id, &place->owner, all);
    retention_add(task, &place->id, all);
    if (task->of == PLACE_BOT)
        json_object_set_new(all, "methods", methods_json(place->methods));
    return all;
}

/* Adds the people of a place to its JSON, the first TASK_PEOPLE of them. */
static json_t *s_json_with_people(task_t *task, const place_t *place)
{
    json_t *all = s_json(task, place), *rows = json_array();
    uuid_t7 id;
    user_t user;
    bool more = place_next(task->view, task->of, &place->id, NULL, &id);
    for (; more && json_array_size(rows) < TASK_PEOPLE;
         more = place_next(task->view, task->of, &place->id, &id, &id))
        if (users_get(task->view, &id, &user) && user.deleted_ms == 0)
            json_array_append_new(rows, task_json_person(&user));
    json_object_set_new(all, s_words[task->of].people, rows);
    json_object_set_new(all, "more", json_boolean(more));
    return all;
}

/* The target; in_use: an archived one is an error. */
static error_code_t s_find(task_t *task, bool in_use, place_t *place)
{
    if (!places_find(task->view, task->of, task->target, place))
        return task_gone(task, s_words[task->of].unknown, NULL);
    if (in_use && place->archived_ms)
        return task_fail(task, ERROR_archived, "The %s is archived.", s_words[task->of].noun);
    return ERROR_none;
}

static error_code_t s_add_people(task_t *task, const uuid_t7 *place)
{
    size_t i;
    json_t *item;
    json_array_foreach (task_list(task, s_words[task->of].people), i, item) {
        char what[64];
        user_t user;
        snprintf(what, sizeof what, "%s[%zu]", s_words[task->of].people, i);
        slice_t text = slice(json_string_value(item), json_string_length(item));
        error_code_t code = known_user(task, text, what, &user);
        if (code != ERROR_none)
            return code;
        uuid_t7 id = user.id;
        place_add(task->view, task->of, place, &id, task->now_ms);
    }
    return ERROR_none;
}

static error_code_t s_create(task_t *task)
{
    user_t owner;
    place_t place = {
        .name = task_text(task, "name"), .created_ms = task->now_ms, .reason = slice("", 0)};
    if (!place_is_name(task->of, place.name))
        return task_field(task, ERROR_invalid_param, "name", "must be 1 to %zu of a-z, 0-9 and _.",
                          place_name_most(task->of));
    error_code_t code = task_user(task, task_text(task, "owner"), "owner", &owner);
    if (code == ERROR_none)
        code = known_quota(task, &owner.id);
    if (code == ERROR_none)
        code = methods_edit(task, &place.methods);
    if (code != ERROR_none)
        return code;
    place.owner = owner.id;
    uuid_new(&place.id);
    if (places_add(task->view, task->of, &place) != 0)
        return task_because(task,
                            task_field(task, ERROR_conflict, "name",
                                       "another %s has this name; one that is archived keeps it.",
                                       s_words[task->of].noun),
                            REASON_taken);
    place_add(task->view, task->of, &place.id, &place.owner, task->now_ms);
    code = s_add_people(task, &place.id);
    if (code != ERROR_none)
        return code;
    task_object(task, &place.id, place.name);
    task->result = s_json_with_people(task, &place);
    return ERROR_none;
}

static bool s_next(task_t *task, const uuid_t7 *after, place_t *place)
{
    return task->only ? places_next_seen(task->view, task->of, task->only, after, place)
                      : places_next(task->view, task->of, after, place);
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    place_t place;
    filter_t filter;
    error_code_t code = filter_begin(&filter, task);
    if (code == ERROR_none)
        code = page_begin(&page, task, s_words[task->of].nouns, PAGE_BY_NAME);
    if (code != ERROR_none)
        return code;
    do
        for (bool more = s_next(task, page_after(&page), &place); more;
             more = s_next(task, &place.id, &place)) {
            page_key_t key = {place.name, 0};
            if (filter_fits(&filter, place.archived_ms != 0, &place.owner, place.name)
                    ? page_wants(&page, &place.id, &key) &&
                          !page_add(&page, &place.id, s_json(task, &place))
                    : !page_skip(&page, &place.id))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_show(task_t *task)
{
    place_t place;
    error_code_t code = s_find(task, false, &place);
    if (code == ERROR_none)
        task->result = s_json_with_people(task, &place);
    return code;
}

/* All of a place's people, in pages. */
static error_code_t s_list_people(task_t *task)
{
    page_t page;
    place_t place;
    user_t user;
    uuid_t7 id;
    error_code_t code = s_find(task, false, &place);
    if (code == ERROR_none)
        code = page_begin(&page, task, s_words[task->of].people, PAGE_BY_NAME | PAGE_BY_EMAIL);
    if (code != ERROR_none)
        return code;
    page.plain = true;
    do
        for (bool more = place_next(task->view, task->of, &place.id, page_after(&page), &id); more;
             more = place_next(task->view, task->of, &place.id, &id, &id)) {
            bool fits = users_get(task->view, &id, &user) && user.deleted_ms == 0 &&
                        (task_q(task, user.name) || task_q(task, user.email));
            page_key_t key = page_key_of_user(&page, &user);
            if (fits
                    ? page_wants(&page, &id, &key) && !page_add(&page, &id, task_json_person(&user))
                    : !page_skip(&page, &id))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_delete(task_t *task)
{
    place_t place;
    error_code_t code = s_find(task, true, &place);
    if (code == ERROR_archived)
        task->gone = true;
    if (code != ERROR_none)
        return code;
    task_object(task, &place.id, place.name);
    place.archived_ms = task->now_ms;
    place.reason = task_text(task, "reason");
    task->result = s_json(task, &place);
    places_archive(task->view, task->of, &place.id, task->now_ms, place.reason);
    if (task->of == PLACE_BOT && places_get(task->view, task->of, &place.id, &place))
        task_tell_handler(task, &place.id, place.name, place.name, true);
    if (task->of == PLACE_CHANNEL)
        task_tell_outlets(task, &place.id);
    return ERROR_none;
}

/* The archiving or taking back of an edit, which alone an archived place allows. */
static error_code_t s_edit_archived(task_t *task, place_t *place)
{
    bool archived = task_bool(task, "archived", place->archived_ms != 0);
    if (archived && place->archived_ms)
        return task_fail(task, ERROR_archived,
                         "The %s is archived: take it back with archived false.",
                         s_words[task->of].noun);
    if (!archived && json_object_get(task->args, "reason"))
        return task_field(task, ERROR_invalid_param, "reason", "is for what is archived.");
    place->archived_ms = archived ? task->now_ms : 0;
    place->reason = task_text(task, "reason");
    return ERROR_none;
}

static error_code_t s_edit_owner(task_t *task, place_t *place)
{
    user_t owner;
    slice_t text = task_text(task, "owner");
    if (text.len == 0)
        return ERROR_none;
    error_code_t code = known_user(task, text, "owner", &owner);
    if (code != ERROR_none || uuid_eq(&place->owner, &owner.id))
        return code;
    place->owner = owner.id;
    return known_quota(task, &owner.id);
}

static error_code_t s_edit(task_t *task)
{
    place_t place;
    char name[TASK_REFERENCE];
    bool turned = false;
    error_code_t code = s_find(task, false, &place);
    if (code == ERROR_none) {
        const place_t was = place;
        task->before = s_json(task, &place);
        code = s_edit_archived(task, &place);
        if (code == ERROR_none)
            code = s_edit_owner(task, &place);
        turned = place.archived_ms != was.archived_ms || !uuid_eq(&place.owner, &was.owner);
    }
    if (code == ERROR_none)
        code = methods_edit(task, &place.methods);
    if (code != ERROR_none)
        return code;
    if (json_object_get(task->args, "name"))
        place.name = task_text(task, "name");
    if (!place_is_name(task->of, place.name))
        return task_field(task, ERROR_invalid_param, "name", "must be 1 to %zu of a-z, 0-9 and _.",
                          place_name_most(task->of));
    memcpy(name, place.name.data, place.name.len);
    place.name = slice(name, place.name.len);
    if (places_edit(task->view, task->of, &place) != 0)
        return task_because(task,
                            task_field(task, ERROR_conflict, "name",
                                       "another %s has this name; one that is archived keeps it.",
                                       s_words[task->of].noun),
                            REASON_taken);
    code = profile_edit(task, &place.id);
    if (code == ERROR_none)
        code =
            retention_edit(task, task->of == PLACE_BOT ? OWNER_BOT : OWNER_CHANNEL, &place.id, 1);
    if (code != ERROR_none)
        return code;
    place_add(task->view, task->of, &place.id, &place.owner, task->now_ms);
    if (task->of == PLACE_BOT)
        task_tell_handler(task, &place.id, place.name, place.name, turned);
    else
        task_tell_outlets(task, &place.id);
    task_object(task, &place.id, place.name);
    task->result = s_json_with_people(task, &place);
    return ERROR_none;
}

/* One of the place's people; another user is answered like one who is not there. */
static error_code_t s_find_person(task_t *task, const place_t *place, user_t *user)
{
    bool found = known_find(task->view, task_text(task, "user"), user);
    if (place_has(task->view, task->of, &place->id, &user->id) && found)
        return ERROR_none;
    task->gone = true;
    return task_field(task, ERROR_unknown_user, "user", "is not among the %s's %s.",
                      s_words[task->of].noun, s_words[task->of].people);
}

static void s_tell_person(task_t *task, const place_t *place, const user_t *user)
{
    task_object(task, &place->id, user->email);
    task->result = json_pack("{s:o, s:o, s:o, s:o}", "id", task_json_id(&place->id), "name",
                             task_json_text(place->name), "user", task_json_id(&user->id), "person",
                             task_json_person(user));
}

static error_code_t s_add_person(task_t *task)
{
    place_t place;
    user_t user;
    error_code_t code = s_find(task, true, &place);
    if (code == ERROR_none)
        code = known_user(task, task_text(task, "user"), "user", &user);
    if (code != ERROR_none)
        return code;
    uuid_t7 person = user.id;
    s_tell_person(task, &place, &user);
    place_add(task->view, task->of, &place.id, &person, task->now_ms);
    return ERROR_none;
}

static error_code_t s_remove_person(task_t *task)
{
    place_t place;
    user_t user;
    error_code_t code = s_find(task, true, &place);
    if (code == ERROR_none)
        code = s_find_person(task, &place, &user);
    if (code != ERROR_none)
        return code;
    uuid_t7 person = user.id;
    s_tell_person(task, &place, &user);
    place_remove(task->view, task->of, &place.id, &person);
    return ERROR_none;
}

/* clang-format off */
#define NAME {"name", FIELD_TEXT, true, 1, TASK_REFERENCE}
#define USER(field) {field, FIELD_TEXT, true, 1, TASK_REFERENCE}
#define PEOPLE(field) {field, FIELD_LIST, false, 0, TASK_PEOPLE}
#define REASON {"reason", FIELD_TEXT, false, 1, PLACE_REASON_MOST}
#define EDIT {"name", FIELD_TEXT, false, 1, TASK_REFERENCE},  \
             {"owner", FIELD_TEXT, false, 1, TASK_REFERENCE}, \
             {"archived", FIELD_BOOL, false, 0, 0}, REASON, PROFILE_FIELDS, RETENTION_FIELD
/* clang-format on */

const task_row_t manage_channels[] = {
    {OP_channel_create, s_create, {NAME, USER("owner"), PEOPLE("members")}},
    {OP_channel_list, s_list, {FILTER_FIELDS}},
    {OP_channel_show, s_show, {{0}}},
    {OP_channel_delete, s_delete, {REASON}},
    {OP_channel_edit, s_edit, {EDIT}},
    {OP_channel_member_list, s_list_people, {PAGE_Q}},
    {OP_channel_member_add, s_add_person, {USER("user")}},
    {OP_channel_member_remove, s_remove_person, {USER("user")}},
    {0},
};

const task_row_t manage_bots[] = {
    {OP_bot_create, s_create, {NAME, USER("owner"), PEOPLE("subscribers"), METHODS_FIELD}},
    {OP_bot_list, s_list, {FILTER_FIELDS}},
    {OP_bot_show, s_show, {{0}}},
    {OP_bot_delete, s_delete, {REASON}},
    {OP_bot_edit, s_edit, {EDIT, METHODS_FIELD}},
    {OP_bot_subscriber_list, s_list_people, {PAGE_Q}},
    {OP_bot_subscriber_add, s_add_person, {USER("user")}},
    {OP_bot_subscriber_remove, s_remove_person, {USER("user")}},
    {0},
};
