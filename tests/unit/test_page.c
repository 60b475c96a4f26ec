/* Lists of many rows: 1,000 channels, 10,000 members, and more people than are put in order. */
#include "authd/directory/places.h"
#include "authd/directory/users.h"
#include "authd/manage/page.h"
#include "tests/unit/desk.h"

enum { CHANNELS = 1000, MEMBERS = 10000, LIMIT = 1000 };

static slice_t s_numbered(char text[64], const char *what, unsigned n)
{
    snprintf(text, 64, "%s%05u", what, n * 7919 % 100000); /* in no order */
    return slice_of(text);
}

static void s_add_user(view_t *view, unsigned n, uuid_t7 *id)
{
    char name[64], email[80];
    user_t user = {.name = s_numbered(name, "Person ", n), .created_ms = 1};
    uuid_new(&user.id);
    snprintf(email, sizeof email, "p%u@example.org", n);
    user.email = slice_of(email);
    assert_int_equal(users_add(view, &user), 0);
    *id = user.id;
}

static void s_add_channel(view_t *view, unsigned n, const uuid_t7 *owner, uuid_t7 *id)
{
    char name[64];
    place_t place = {.owner = *owner, .created_ms = 1, .reason = slice("", 0)};
    place.name = s_numbered(name, "channel_", n);
    uuid_new(&place.id);
    assert_int_equal(places_add(view, PLACE_CHANNEL, &place), 0);
    *id = place.id;
}

static void s_fill(desk_t *self, unsigned users)
{
    uuid_t7 id, channel, owner;
    view_t *view = view_begin(self->yard->directory);
    s_add_user(view, users, &owner);
    s_add_channel(view, CHANNELS, &owner, &channel);
    for (unsigned n = 1; n < CHANNELS; n++)
        s_add_channel(view, n, &owner, &id);
    for (unsigned n = 1; n < users; n++) {
        s_add_user(view, n, &id);
        if (n <= MEMBERS)
            place_add(view, PLACE_CHANNEL, &channel, &id, 1);
    }
    assert_int_equal(view_commit(&view), VIEW_DONE);
}

/* How many rows the list has by pages; each is behind the one before it by MEMBER. */
static unsigned s_walk(desk_t *self, unsigned op, const char *target, const char *key,
                       const char *order, const char *member)
{
    char body[256], after[CURSOR_TEXT + 16] = "", last[64] = "";
    unsigned seen = 0;
    for (bool more = true; more;) {
        snprintf(body, sizeof body, "{\"limit\":%d%s%s}", LIMIT, order, after);
        json_t *page = desk_do(self, op, target, body), *row;
        size_t i;
        json_array_foreach (json_object_get(page, key), i, row) {
            const char *value = desk_text(row, member);
            assert_true(strcmp(last, value) < 0);
            snprintf(last, sizeof last, "%s", value);
            seen++;
        }
        more = json_is_string(json_object_get(page, "next"));
        if (more)
            snprintf(after, sizeof after, ",\"after\":\"%s\"", desk_text(page, "next"));
        json_decref(page);
    }
    return seen;
}

static void many_rows_come_in_pages_in_each_order(void **state)
{
    desk_t *self = *state;
    char channel[64];
    s_numbered(channel, "channel_", CHANNELS);
    s_fill(self, PAGE_SORTED);
    const char *by_name = ",\"sort\":\"name\"";
    assert_int_equal(s_walk(self, OP_channel_list, "", "channels", "", "id"), CHANNELS);
    assert_int_equal(s_walk(self, OP_channel_list, "", "channels", by_name, "name"), CHANNELS);
    assert_int_equal(s_walk(self, OP_channel_member_list, channel, "members", "", "id"), MEMBERS);
    assert_int_equal(s_walk(self, OP_channel_member_list, channel, "members", by_name, "name"),
                     MEMBERS);
    assert_int_equal(desk_code(self, OP_people_list, "", "{\"sort\":\"name\"}"), 0);
    desk_done(self, OP_user_create, "", desk_ann);
    assert_int_equal(desk_code(self, OP_people_list, "", "{\"sort\":\"name\"}"),
                     ERROR_invalid_param);
    assert_non_null(strstr(self->message, "20000"));
    assert_int_equal(desk_code(self, OP_people_list, "", "{}"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_rows_come_in_pages_in_each_order, desk_setup,
                                        desk_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
