#include "workers/message/json_fault.h"
#include "workers/message/json_parser.h"
#include "workers/message/message_walk.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string_view>

using namespace message_walk;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using std::string_view;

struct message {
    json_parser parser{MESSAGE_DEPTH};
};

namespace
{

enum {
    GIVEN_TEXT = 1,
    GIVEN_CARD = 2,
    GIVEN_SLIDES = 4,
    GIVEN_ATTACHMENTS = 8,
    GIVEN_EMPTY_TEXT = 16,
};

struct field;
struct table {
    const field *rows;
    size_t count;
};
using check_fn = bool (*)(walk &, const path &, element, const field &);
struct field {
    string_view name;
    check_fn check;
    size_t max;               /* most characters or items; 0: no limit */
    const table *inner;       /* the fields of the object, or of each object of the array */
    const char *const *names; /* the values of an enumeration */
    unsigned given;
};

/* The characters of a text whose UTF-8 the parser has checked. */
size_t characters(string_view text)
{
    size_t count = 0;
    for (char c : text)
        count += ((unsigned char)c & 0xc0) != 0x80;
    return count;
}

bool is_blank(string_view text)
{
    return text.find_first_not_of(" \t\r\n") == string_view::npos;
}

bool is_word(string_view text, const char *word)
{
    return text.size() == strlen(word) && strncasecmp(text.data(), word, text.size()) == 0;
}

bool check_any(walk &, const path &, element, const field &)
{
    return true;
}

/* What another's message has, and is not looked at. */
bool check_attached(walk &self, const path &, element value, const field &row)
{
    array items;
    if (value.get(items) == simdjson::SUCCESS && items.begin() != items.end())
        self.given |= row.given;
    return true;
}

bool check_scalar(walk &self, const path &at, element value, const field &)
{
    if (value.is_object() || value.is_array())
        return refuse(self, at, "must be a string or a number");
    return true;
}

bool check_text(walk &self, const path &at, element value, const field &row)
{
    string_view text;
    if (value.get(text) != simdjson::SUCCESS)
        return refuse(self, at, "must be a string");
    if (row.max && text.size() > row.max && characters(text) > row.max)
        return refuse(self, at, "must have at most %zu characters", row.max);
    if (row.given)
        self.given |= text.empty() ? (unsigned)GIVEN_EMPTY_TEXT : row.given;
    return true;
}

bool check_one_of(walk &self, const path &at, element value, const field &row)
{
    string_view text;
    if (value.get(text) != simdjson::SUCCESS)
        return refuse(self, at, "must be a string");
    if (is_blank(text))
        return true;
    char names[128];
    size_t len = 0;
    for (const char *const *name = row.names; *name; name++) {
        if (text == *name)
            return true;
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? ", " : "", *name);
    }
    return refuse(self, at, "must be one of %s", names);
}

/* true or false, also as a string; what it says goes to said. */
bool read_bool(walk &self, const path &at, element value, int *said)
{
    bool flag;
    string_view text;
    if (value.get(flag) == simdjson::SUCCESS)
        *said = flag;
    else if (value.get(text) != simdjson::SUCCESS)
        return refuse(self, at, "must be true or false");
    else if (is_word(text, "true"))
        *said = 1;
    else if (is_word(text, "false"))
        *said = 0;
    else if (!is_blank(text))
        return refuse(self, at, "must be true or false");
    return true;
}

bool check_bool(walk &self, const path &at, element value, const field &)
{
    int said;
    return read_bool(self, at, value, &said);
}

/* What it says is the flag YES or NO, or, of a blank, neither. */
bool keep_flag(walk &self, const path &at, element value, unsigned yes, unsigned no)
{
    int said = -1;
    if (!read_bool(self, at, value, &said))
        return false;
    self.verdict->flags &= ~(yes | no);
    if (said >= 0)
        self.verdict->flags |= said ? yes : no;
    return true;
}

bool check_sync(walk &self, const path &at, element value, const field &)
{
    return keep_flag(self, at, value, MESSAGE_SYNC, MESSAGE_ASYNC);
}

bool check_broadcast(walk &self, const path &at, element value, const field &)
{
    return keep_flag(self, at, value, MESSAGE_BROADCAST, MESSAGE_NO_BROADCAST);
}

bool check_in_parent(walk &self, const path &at, element value, const field &)
{
    return keep_flag(self, at, value, MESSAGE_IN_PARENT, MESSAGE_ASIDE);
}

/* A text of at most MOST bytes that is kept in TO; a blank one counts as not set. */
bool keep_text(walk &self, const path &at, element value, size_t most, char *to, size_t *len)
{
    string_view text;
    if (value.get(text) != simdjson::SUCCESS)
        return refuse(self, at, "must be a string");
    if (text.size() > most)
        return refuse(self, at, "must be the id of a message of this target");
    *len = is_blank(text) ? 0 : text.size();
    memcpy(to, text.data(), *len);
    return true;
}

bool check_key(walk &self, const path &at, element value, const field &row)
{
    message_verdict_t *verdict = self.verdict;
    return check_text(self, at, value, row) &&
           keep_text(self, at, value, sizeof verdict->key, verdict->key, &verdict->key_len);
}

bool check_thread(walk &self, const path &at, element value, const field &)
{
    message_verdict_t *verdict = self.verdict;
    return keep_text(self, at, value, sizeof verdict->thread, verdict->thread,
                     &verdict->thread_len);
}

bool walk_fields(walk &self, const path &up, const object &fields, const table &rows)
{
    if (!names_stand_once(self, up, fields))
        return false;
    for (auto entry : fields) {
        for (size_t i = 0; i < rows.count; i++) {
            const field &row = rows.rows[i];
            if (row.name != entry.key)
                continue;
            path at = {&up, entry.key, 0};
            if (!entry.value.is_null() && !row.check(self, at, entry.value, row))
                return false;
            break;
        }
    }
    return true;
}

bool check_object(walk &self, const path &at, element value, const field &row)
{
    object fields;
    if (value.get(fields) != simdjson::SUCCESS)
        return refuse(self, at, "must be an object");
    if (fields.begin() != fields.end())
        self.given |= row.given;
    return !row.inner || walk_fields(self, at, fields, *row.inner);
}

/* An array of at most row.max items, each of which passes EACH. */
bool walk_items(walk &self, const path &at, element value, const field &row, const char *what,
                check_fn each)
{
    array items;
    if (value.get(items) != simdjson::SUCCESS)
        return refuse(self, at, "must be an array of %s", what);
    size_t index = 0;
    for (element item : items) {
        path here = {&at, string_view(), index++};
        if (row.max && index > row.max)
            return refuse(self, at, "must have at most %zu items", row.max);
        if (!each(self, here, item, row))
            return false;
    }
    if (index > 0)
        self.given |= row.given;
    return true;
}

bool check_item_object(walk &self, const path &at, element value, const field &row)
{
    const field item = {string_view(), nullptr, 0, row.inner, nullptr, 0};
    return check_object(self, at, value, item);
}

bool check_objects(walk &self, const path &at, element value, const field &row)
{
    return walk_items(self, at, value, row, "objects", check_item_object);
}

bool check_item_text(walk &self, const path &at, element value, const field &)
{
    return value.is_string() || refuse(self, at, "must be a string");
}

bool check_texts(walk &self, const path &at, element value, const field &row)
{
    return walk_items(self, at, value, row, "strings", check_item_text);
}

bool check_item_url(walk &self, const path &at, element value, const field &)
{
    string_view text;
    if (value.get(text) != simdjson::SUCCESS)
        return refuse(self, at, "must be a string");
    if (!is_blank(text) && !is_word(text.substr(0, 8), "https://"))
        return refuse(self, at, "must be a URL that starts with https://");
    return true;
}

bool check_urls(walk &self, const path &at, element value, const field &row)
{
    return walk_items(self, at, value, row, "https URLs", check_item_url);
}

/* Of userids; a blank one names nobody. */
void keep_user(walk &self, string_view name)
{
    message_verdict_t *verdict = self.verdict;
    if (is_blank(name))
        return;
    verdict->flags |= MESSAGE_NARROWED;
    size_t from = name.find_first_not_of(" \t\r\n"), to = name.find_last_not_of(" \t\r\n");
    if (verdict->users_len < MESSAGE_USERIDS &&
        uuid_parse(name.data() + from, to - from + 1, &verdict->users[verdict->users_len]) == 0)
        verdict->users_len++;
}

bool check_item_user(walk &self, const path &at, element value, const field &row)
{
    string_view text;
    if (!check_scalar(self, at, value, row))
        return false;
    if (value.get(text) == simdjson::SUCCESS)
        keep_user(self, text);
    else if (!value.is_null())
        self.verdict->flags |= MESSAGE_NARROWED;
    return true;
}

/* Ids or addresses in an array, or in one string between commas. */
bool check_userids(walk &self, const path &at, element value, const field &row)
{
    string_view text;
    if (value.get(text) != simdjson::SUCCESS)
        return walk_items(self, at, value, row, "user ids", check_item_user);
    size_t ids = 0;
    for (size_t from = 0, to = 0; to != string_view::npos; from = to + 1, ids++) {
        to = text.find(',', from);
        keep_user(self, text.substr(from, to == string_view::npos ? to : to - from));
    }
    return ids <= row.max || refuse(self, at, "must have at most %zu items", row.max);
}

/* The value of KEY, unless it is null. */
bool find(const object &fields, string_view key, element *value)
{
    return fields[key].get(*value) == simdjson::SUCCESS && !value->is_null();
}

/* Fields whose value decides what another may be: NAMES has a row for each value. */
bool walk_by_type(walk &self, const path &at, const object &fields, const table &names, bool needed)
{
    element type, data;
    string_view name;
    path type_at = {&at, "type", 0}, data_at = {&at, "data", 0};
    if (!find(fields, "type", &type) || (type.is_string() && is_blank(type.get_string().value())))
        return !needed || refuse(self, type_at, "is needed");
    if (type.get(name) != simdjson::SUCCESS)
        return refuse(self, type_at, "must be a string");
    for (size_t i = 0; i < names.count; i++) {
        if (names.rows[i].name != name)
            continue;
        if (!find(fields, "data", &data))
            return !needed || refuse(self, data_at, "is needed");
        return names.rows[i].check(self, data_at, data, names.rows[i]);
    }
    char known[160];
    size_t len = 0;
    for (size_t i = 0; i < names.count && len < sizeof known; i++)
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "",
                                names.rows[i].name.data());
    return refuse(self, type_at, "must be one of %s", known);
}

template <size_t count> constexpr table table_of(const field (&rows)[count])
{
    return {rows, count};
}

#define TEXT(name, max)                                                                            \
    {                                                                                              \
        name, check_text, max, nullptr, nullptr, 0                                                 \
    }
#define BOOL(name)                                                                                 \
    {                                                                                              \
        name, check_bool, 0, nullptr, nullptr, 0                                                   \
    }
#define ANY(name)                                                                                  \
    {                                                                                              \
        name, check_any, 0, nullptr, nullptr, 0                                                    \
    }
#define OBJECT(name, inner)                                                                        \
    {                                                                                              \
        name, check_object, 0, inner, nullptr, 0                                                   \
    }
#define OBJECTS(name, max, inner)                                                                  \
    {                                                                                              \
        name, check_objects, max, inner, nullptr, 0                                                \
    }
/* NAME_table of these rows. */
#define TABLE(name, ...)                                                                           \
    constexpr field name##_rows[] = {__VA_ARGS__};                                                 \
    constexpr table name##_table = table_of(name##_rows)
#define CUSTOM(name, check, max)                                                                   \
    {                                                                                              \
        name, check, max, nullptr, nullptr, 0                                                      \
    }

/* Buttons */
TABLE(confirm, TEXT("title", 100), TEXT("description", 100), TEXT("input", 300), TEXT("emotion", 0),
      TEXT("button_label", 0), TEXT("cancel_button_label", 0), BOOL("mandatory"));

TABLE(open, TEXT("web", 0));
TABLE(function, TEXT("name", 0), TEXT("owner", 0));
TABLE(api, TEXT("api", 0));
TABLE(preview, TEXT("url", 0));
TABLE(copy, TEXT("text", 0));

TABLE(action_type, OBJECT("open.url", &open_table), OBJECT("invoke.function", &function_table),
      OBJECT("system.api", &api_table), OBJECT("preview.url", &preview_table),
      OBJECT("copy", &copy_table), OBJECT("invoke.bot", nullptr));

TABLE(action, OBJECT("data", nullptr), OBJECT("confirm", &confirm_table));

bool check_action(walk &self, const path &at, element value, const field &)
{
    object fields;
    if (value.get(fields) != simdjson::SUCCESS)
        return refuse(self, at, "must be an object");
    return walk_fields(self, at, fields, action_table) &&
           walk_by_type(self, at, fields, action_type_table, false);
}

constexpr const char *button_types[] = {"+", "-", nullptr};
TABLE(button, TEXT("label", 20), TEXT("hint", 100), TEXT("key", 100),
      {"type", check_one_of, 0, nullptr, button_types, 0}, CUSTOM("action", check_action, 0));

/* Slides */
TABLE(table, CUSTOM("headers", check_texts, 0), OBJECTS("rows", 0, nullptr));
TABLE(value, TEXT("label", 20), CUSTOM("value", check_scalar, 0));
TABLE(graph, TEXT("category", 20), OBJECTS("values", 20, &value_table));

TABLE(slide_type, OBJECT("table", &table_table), CUSTOM("list", check_texts, 0),
      OBJECTS("label", 0, nullptr), TEXT("text", 0), CUSTOM("images", check_urls, 0),
      CUSTOM("image", check_urls, 0), OBJECTS("percentage_chart", 5, &value_table),
      OBJECTS("graph", 5, &graph_table));

constexpr const char *previews[] = {
    "pie", "doughnut", "semi_doughnut", "vertical_bar", "vertical_stacked_bar", "trend", nullptr};
TABLE(slide_style, {"preview", check_one_of, 0, nullptr, previews, 0});
TABLE(slide, TEXT("title", 0), {"preview", check_one_of, 0, nullptr, previews, 0},
      OBJECT("styles", &slide_style_table), OBJECTS("buttons", MESSAGE_BUTTONS, &button_table));

bool check_slide(walk &self, const path &at, element value, const field &)
{
    object fields;
    if (value.get(fields) != simdjson::SUCCESS)
        return refuse(self, at, "must be an object");
    return walk_fields(self, at, fields, slide_table) &&
           walk_by_type(self, at, fields, slide_type_table, true);
}

bool check_slides(walk &self, const path &at, element value, const field &row)
{
    return walk_items(self, at, value, row, "objects", check_slide);
}

/* References */
bool check_references(walk &self, const path &up, element value, const field &)
{
    constexpr field entry_row = {"", check_object, 0, nullptr, nullptr, 0};
    constexpr field type_row = TEXT("type", 0);
    constexpr field plain_row = OBJECT("object", nullptr);
    constexpr field button_row = OBJECT("object", &button_table);
    object references;
    if (value.get(references) != simdjson::SUCCESS)
        return refuse(self, up, "must be an object");
    if (!names_stand_once(self, up, references))
        return false;
    for (auto entry : references) {
        path at = {&up, entry.key, 0}, type_at = {&at, "type", 0}, object_at = {&at, "object", 0};
        element type, inner;
        if (!check_object(self, at, entry.value, entry_row))
            return false;
        object fields = entry.value.get_object().value();
        if (!names_stand_once(self, at, fields))
            return false;
        bool typed = find(fields, "type", &type);
        if (typed && !check_text(self, type_at, type, type_row))
            return false;
        bool button = typed && type.get_string().value() == "button";
        if (find(fields, "object", &inner) &&
            !check_object(self, object_at, inner, button ? button_row : plain_row))
            return false;
    }
    return true;
}

/* The message itself */
TABLE(bot, TEXT("name", 0), TEXT("image", 0));
TABLE(card, TEXT("title", 200), ANY("theme"), TEXT("thumbnail", 0), TEXT("icon", 0), ANY("preview"),
      OBJECTS("sections", 0, nullptr), OBJECTS("buttons", MESSAGE_BUTTONS, &button_table));
TABLE(style, BOOL("highlight"));

TABLE(message, {"text", check_text, MESSAGE_TEXT_CHARS, nullptr, nullptr, GIVEN_TEXT},
      {"card", check_object, 0, &card_table, nullptr, GIVEN_CARD},
      {"slides", check_slides, MESSAGE_SLIDES, nullptr, nullptr, GIVEN_SLIDES},
      OBJECT("bot", &bot_table), OBJECTS("buttons", MESSAGE_BUTTONS, &button_table),
      CUSTOM("references", check_references, 0), OBJECT("styles", &style_table),
      CUSTOM("thread_message_id", check_thread, 0), TEXT("thread_title", 0),
      CUSTOM("post_in_parent", check_in_parent, 0),
      CUSTOM("message_key", check_key, MESSAGE_KEY_CHARS), TEXT("reply_to", 0),
      CUSTOM("sync_message", check_sync, 0), BOOL("mark_as_read"),
      CUSTOM("broadcast", check_broadcast, 0), CUSTOM("userids", check_userids, MESSAGE_USERIDS),
      CUSTOM("user_ids", check_userids, MESSAGE_USERIDS),
      {"attachments", check_attached, 0, nullptr, nullptr, GIVEN_ATTACHMENTS},
      {"blocks", check_attached, 0, nullptr, nullptr, GIVEN_ATTACHMENTS});

bool check_message(walk &self, element root)
{
    path at = {nullptr, string_view(), 0};
    object fields;
    element attachments;
    if (root.get(fields) != simdjson::SUCCESS)
        return refuse(self, at, "The body must be a JSON object: {\"text\": \"...\"}");
    if (!walk_fields(self, at, fields, message_table))
        return false;
    if ((self.given & GIVEN_ATTACHMENTS) && !(self.given & (GIVEN_CARD | GIVEN_SLIDES)))
        self.verdict->flags |= MESSAGE_ATTACHED;
    if (self.given & (GIVEN_TEXT | GIVEN_CARD | GIVEN_SLIDES))
        return true;
    if (self.given & GIVEN_EMPTY_TEXT)
        return refuse(self, at, "text must have 1 to %d characters", MESSAGE_TEXT_CHARS);
    if (find(fields, "attachments", &attachments))
        return refuse(self, at,
                      "A message needs text, card or slides: attachments is not a field of "
                      "it and shows nothing. Put its content into text or slides.");
    return refuse(self, at, "A message needs text, card or slides");
}

const char *json_reason(simdjson::error_code error)
{
    switch (error) {
    case simdjson::EMPTY:
        return "The body is empty. Send a JSON object: {\"text\": \"...\"}";
    case simdjson::DEPTH_ERROR:
        return "The body is nested too deeply.";
    case simdjson::NUMBER_ERROR:
        return "The body is not valid JSON: it has a malformed number.";
    case simdjson::UNCLOSED_STRING:
        return "The body is not valid JSON: a string is not closed.";
    default:
        return "The body is not valid JSON. Send a JSON object in UTF-8.";
    }
}

} // namespace

extern "C" message_t *message_new(void)
{
    message_t *self = new (std::nothrow) message;
    if (!self)
        abort();
    return self;
}

extern "C" void message_destroy(message_t **self_p)
{
    delete *self_p;
    *self_p = nullptr;
}

extern "C" message_field_t message_field(slice_t name)
{
    for (const field &row : message_rows)
        if (row.name == string_view(name.data ? name.data : "", name.len))
            return row.check == check_text || row.check == check_key || row.check == check_thread
                       ? MESSAGE_FIELD_TEXT
                       : MESSAGE_FIELD_ANY;
    return MESSAGE_FIELD_NONE;
}

extern "C" void message_check(message_t *self, slice_t body, message_verdict_t *verdict)
{
    verdict->outcome = MESSAGE_OK;
    verdict->flags = 0;
    verdict->path = 0;
    verdict->key_len = verdict->thread_len = verdict->users_len = 0;
    verdict->reason[0] = '\0';
    element root;
    auto error = self->parser.parse(body, &root);
    if (error) {
        verdict->outcome = MESSAGE_NOT_JSON;
        if (!json_fault(body, verdict->reason, sizeof verdict->reason))
            snprintf(verdict->reason, sizeof verdict->reason, "%s", json_reason(error));
        return;
    }
    walk self_walk = {verdict, 0};
    check_message(self_walk, root);
}
