/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "workers/message/message.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static message_t *s_message;
static message_verdict_t s_verdict;

static message_outcome_t s_check(const char *json)
{
    message_check(s_message, slice_of(json), &s_verdict);
    if (s_verdict.outcome == MESSAGE_OK)
        assert_string_equal(s_verdict.reason, "");
    else
        assert_true(strlen(s_verdict.reason) > 0 && strlen(s_verdict.reason) < MESSAGE_REASON);
    return s_verdict.outcome;
}

static void s_takes(const char *json)
{
    if (s_check(json) != MESSAGE_OK)
        fail_msg("%.200s: %s", json, s_verdict.reason);
}

static void s_refuses(const char *json, const char *reason)
{
    if (s_check(json) != MESSAGE_INVALID)
        fail_msg("%.200s: not refused as invalid", json);
    if (!strstr(s_verdict.reason, reason))
        fail_msg("%.200s: %s, expected %s", json, s_verdict.reason, reason);
}

/* FORMAT with one %s, where a string of so many characters goes. */
static char *s_of_length(const char *format, size_t characters, const char *character)
{
    size_t len = strlen(character);
    char *text = malloc(characters * len + 1);
    size_t size = strlen(format) + characters * len + 1;
    char *json = malloc(size);
    assert_non_null(text);
    assert_non_null(json);
    for (size_t i = 0; i < characters; i++)
        memcpy(text + i * len, character, len);
    text[characters * len] = '\0';
    const char *at = strstr(format, "%s");
    snprintf(json, size, "%.*s%s%s", (int)(at - format), format, text, at + 2);
    free(text);
    return json;
}

/* FORMAT with one %s, where COUNT times ITEM goes, with commas. */
static char *s_of_items(const char *format, size_t count, const char *item)
{
    size_t size = count * (strlen(item) + 1) + 1;
    char *items = malloc(size);
    assert_non_null(items);
    size_t len = 0;
    items[0] = '\0';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(items + len, size - len, "%s%s", i ? "," : "", item);
    char *json = s_of_length(format, 1, items);
    free(items);
    return json;
}

static void test_a_plain_message(void **state)
{
    (void)state;
    s_takes("{\"text\": \"hello\"}");
    assert_int_equal(s_verdict.flags, 0);
    s_takes(" \n{\"text\":\"a\",\"bot\":{\"name\":\"CI\",\"image\":\"https://x/y.png\"}}\n");
}

/* Each limit in characters: at it fine, one past it refused with the path, for one-byte and for
 * four-byte characters. */
static void test_lengths(void **state)
{
    (void)state;
#define BUTTON "{\"text\":\"t\",\"buttons\":[{"
#define CONFIRM BUTTON "\"action\":{\"type\":\"copy\",\"confirm\":{"
#define SLIDE "{\"slides\":[{\"type\":"
    static const struct {
        const char *format;
        size_t max;
        const char *path;
    } rows[] = {
        {"{\"text\":\"%s\"}", 5000, "text must have at most 5000 characters"},
        {"{\"card\":{\"title\":\"%s\"}}", 200, "card.title must have at most 200"},
        {BUTTON "\"label\":\"%s\"}]}", 20, "buttons[0].label must have at most 20"},
        {BUTTON "\"hint\":\"%s\"}]}", 100, "buttons[0].hint "},
        {BUTTON "\"key\":\"%s\"}]}", 100, "buttons[0].key "},
        {"{\"card\":{\"buttons\":[{},{\"label\":\"%s\"}]}}", 20, "card.buttons[1].label "},
        {CONFIRM "\"title\":\"%s\"}}}]}", 100, "buttons[0].action.confirm.title "},
        {CONFIRM "\"description\":\"%s\"}}}]}", 100, "buttons[0].action.confirm.description "},
        {CONFIRM "\"input\":\"%s\"}}}]}", 300, "buttons[0].action.confirm.input "},
        {SLIDE "\"percentage_chart\",\"data\":[{\"label\":\"%s\",\"value\":1}]}]}", 20,
         "slides[0].data[0].label "},
        {SLIDE "\"graph\",\"data\":[{\"category\":\"%s\",\"values\":[]}]}]}", 20,
         "slides[0].data[0].category "},
        {SLIDE "\"graph\",\"data\":[{\"values\":[{\"label\":\"%s\",\"value\":1}]}]}]}", 20,
         "slides[0].data[0].values[0].label "},
        {"{\"text\":\"t\",\"references\":{\"r\":{\"type\":\"button\",\"object\":{\"label\":\"%s\"}}"
         "}"
         "}",
         20, "references.r.object.label "},
        {SLIDE "\"text\",\"data\":\"x\",\"buttons\":[{\"label\":\"%s\"}]}]}", 20,
         "slides[0].buttons[0].label "},
    };
    static const char *const characters[] = {"x", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t c = 0; c < 2; c++) {
            char *fits = s_of_length(rows[i].format, rows[i].max, characters[c]);
            char *past = s_of_length(rows[i].format, rows[i].max + 1, characters[c]);
            s_takes(fits);
            s_refuses(past, rows[i].path);
            free(fits);
            free(past);
        }
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *format, *item;
        size_t max;
        const char *path;
    } rows[] = {
        {"{\"slides\":[%s]}", "{\"type\":\"text\",\"data\":\"x\"}", 20,
         "slides must have at most 20"},
        {"{\"text\":\"t\",\"buttons\":[%s]}", "{}", 5, "buttons must have at most 5"},
        {"{\"card\":{\"buttons\":[%s]}}", "{}", 5, "card.buttons "},
        {"{\"slides\":[{\"type\":\"text\",\"data\":\"x\",\"buttons\":[%s]}]}", "{}", 5,
         "slides[0].buttons "},
        {SLIDE "\"percentage_chart\",\"data\":[%s]}]}", "{\"label\":\"a\",\"value\":1}", 5,
         "slides[0].data "},
        {SLIDE "\"graph\",\"data\":[%s]}]}", "{\"category\":\"a\"}", 5, "slides[0].data "},
        {SLIDE "\"graph\",\"data\":[{\"values\":[%s]}]}]}", "{\"label\":\"a\",\"value\":1}", 20,
         "slides[0].data[0].values "},
        {"{\"text\":\"t\",\"userids\":[%s]}", "\"1\"", 100, "userids "},
        {"{\"text\":\"t\",\"user_ids\":[%s]}", "1", 100, "user_ids "},
        {"{\"text\":\"t\",\"userids\":\"%s\"}", "7", 100, "userids "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *fits = s_of_items(rows[i].format, rows[i].max, rows[i].item);
        char *past = s_of_items(rows[i].format, rows[i].max + 1, rows[i].item);
        s_takes(fits);
        /* the item past the limit is where the walk stops */
        char *path = strdup(rows[i].path);
        *strchr(path, ' ') = '\0';
        s_refuses(past, path);
        s_refuses(past, "must have at most");
        free(path);
        free(fits);
        free(past);
    }
}

/* A field of the wrong shape, and what is said of it. */
static const struct {
    const char *json, *reason;
} s_wrong[] = {
    {"[]", "must be a JSON object"},
    {"\"text\"", "must be a JSON object"},
    {"7", "must be a JSON object"},
    {"null", "must be a JSON object"},
    {"{}", "needs text, card or slides"},
    {"{\"text\":\"\"}", "text must have 1 to 5000 characters"},
    {"{\"text\":null}", "needs text, card or slides"},
    {"{\"slides\":[]}", "needs text, card or slides"},
    {"{\"text\":5}", "text must be a string"},
    {"{\"text\":{\"a\":1}}", "text must be a string"},
    {"{\"text\":\"t\",\"bot\":\"x\"}", "bot must be an object"},
    {"{\"text\":\"t\",\"bot\":{\"name\":5}}", "bot.name must be a string"},
    {"{\"text\":\"t\",\"bot\":{\"image\":[]}}", "bot.image must be a string"},
    {"{\"card\":[]}", "card must be an object"},
    {"{\"card\":{\"title\":1}}", "card.title must be a string"},
    {"{\"card\":{\"thumbnail\":1}}", "card.thumbnail must be a string"},
    {"{\"card\":{\"icon\":1}}", "card.icon must be a string"},
    {"{\"card\":{\"sections\":{}}}", "card.sections must be an array of objects"},
    {"{\"card\":{\"sections\":[1]}}", "card.sections[0] must be an object"},
    {"{\"card\":{\"buttons\":{}}}", "card.buttons must be an array of objects"},
    {"{\"slides\":{}}", "slides must be an array of objects"},
    {"{\"slides\":[1]}", "slides[0] must be an object"},
    {"{\"slides\":[{\"data\":\"x\"}]}", "slides[0].type is needed"},
    {"{\"slides\":[{\"type\":7,\"data\":\"x\"}]}", "slides[0].type must be a string"},
    {"{\"slides\":[{\"type\":\"pie\",\"data\":\"x\"}]}", "slides[0].type must be one of table"},
    {"{\"slides\":[{\"type\":\"table\"}]}", "slides[0].data is needed"},
    {"{\"slides\":[{\"type\":\"text\",\"data\":\"x\",\"title\":1}]}", "slides[0].title must"},
    {"{\"slides\":[{\"type\":\"text\",\"data\":\"x\",\"styles\":1}]}", "slides[0].styles must"},
    {"{\"slides\":[{\"type\":\"text\",\"data\":[]}]}", "slides[0].data must be a string"},
    {"{\"slides\":[{\"type\":\"list\",\"data\":{}}]}", "slides[0].data must be an array of str"},
    {"{\"slides\":[{\"type\":\"list\",\"data\":[1]}]}", "slides[0].data[0] must be a string"},
    {"{\"slides\":[{\"type\":\"label\",\"data\":{}}]}", "slides[0].data must be an array of obj"},
    {"{\"slides\":[{\"type\":\"label\",\"data\":[\"a\"]}]}", "slides[0].data[0] must be an obj"},
    {"{\"slides\":[{\"type\":\"table\",\"data\":[]}]}", "slides[0].data must be an object"},
    {"{\"slides\":[{\"type\":\"table\",\"data\":{\"headers\":\"a\"}}]}",
     "slides[0].data.headers must be an array of strings"},
    {"{\"slides\":[{\"type\":\"table\",\"data\":{\"headers\":[1]}}]}",
     "slides[0].data.headers[0] must be a string"},
    {"{\"slides\":[{\"type\":\"text\",\"data\":\"x\"},{\"type\":\"text\",\"data\":\"x\"},"
     "{\"type\":\"table\",\"data\":{\"headers\":[],\"rows\":\"x\"}}]}",
     "slides[2].data.rows must be an array of objects"},
    {"{\"slides\":[{\"type\":\"table\",\"data\":{\"rows\":[{},\"x\"]}}]}",
     "slides[0].data.rows[1] must be an object"},
    {"{\"slides\":[{\"type\":\"images\",\"data\":\"https://x\"}]}",
     "slides[0].data must be an array of https URLs"},
    {"{\"slides\":[{\"type\":\"image\",\"data\":[\"ftp://x\"]}]}",
     "slides[0].data[0] must be a URL that starts with https://"},
    {"{\"slides\":[{\"type\":\"percentage_chart\",\"data\":[{\"label\":1}]}]}",
     "slides[0].data[0].label must be a string"},
    {"{\"slides\":[{\"type\":\"percentage_chart\",\"data\":[{\"value\":[]}]}]}",
     "slides[0].data[0].value must be a string or a number"},
    {"{\"slides\":[{\"type\":\"graph\",\"data\":[{\"values\":{}}]}]}",
     "slides[0].data[0].values must be an array of objects"},
    {"{\"slides\":[{\"type\":\"graph\",\"data\":[],\"preview\":\"cake\"}]}",
     "slides[0].preview must be one of pie"},
    {"{\"slides\":[{\"type\":\"graph\",\"data\":[],\"styles\":{\"preview\":\"cake\"}}]}",
     "slides[0].styles.preview must be one of"},
    {"{\"text\":\"t\",\"buttons\":{}}", "buttons must be an array of objects"},
    {BUTTON "\"label\":1}]}", "buttons[0].label must be a string"},
    {BUTTON "\"type\":\"x\"}]}", "buttons[0].type must be one of +, -"},
    {BUTTON "\"type\":1}]}", "buttons[0].type must be a string"},
    {BUTTON "\"action\":\"x\"}]}", "buttons[0].action must be an object"},
    {BUTTON "\"action\":{\"type\":\"x\"}}]}", "buttons[0].action.type must be one of open.url"},
    {BUTTON "\"action\":{\"type\":\"open.url\",\"data\":1}}]}",
     "buttons[0].action.data must be an object"},
    {BUTTON "\"action\":{\"type\":\"open.url\",\"data\":{\"web\":1}}}]}",
     "buttons[0].action.data.web must be a string"},
    {BUTTON "\"action\":{\"type\":\"invoke.function\",\"data\":{\"owner\":1}}}]}",
     "buttons[0].action.data.owner must be a string"},
    {BUTTON "\"action\":{\"type\":\"system.api\",\"data\":{\"api\":1}}}]}",
     "buttons[0].action.data.api must be a string"},
    {BUTTON "\"action\":{\"type\":\"preview.url\",\"data\":{\"url\":1}}}]}",
     "buttons[0].action.data.url must be a string"},
    {BUTTON "\"action\":{\"type\":\"copy\",\"data\":{\"text\":1}}}]}",
     "buttons[0].action.data.text must be a string"},
    {BUTTON "\"action\":{\"type\":\"copy\",\"confirm\":1}}]}",
     "buttons[0].action.confirm must be an object"},
    {CONFIRM "\"mandatory\":1}}}]}", "buttons[0].action.confirm.mandatory must be true or"},
    {CONFIRM "\"emotion\":1}}}]}", "buttons[0].action.confirm.emotion must be a string"},
    {"{\"text\":\"t\",\"references\":[]}", "references must be an object"},
    {"{\"text\":\"t\",\"references\":{\"a\":1}}", "references.a must be an object"},
    {"{\"text\":\"t\",\"references\":{\"a\":{\"type\":1}}}", "references.a.type must be a str"},
    {"{\"text\":\"t\",\"references\":{\"a\":{\"type\":\"button\",\"object\":1}}}",
     "references.a.object must be an object"},
    {"{\"text\":\"t\",\"styles\":1}", "styles must be an object"},
    {"{\"text\":\"t\",\"styles\":{\"highlight\":1}}", "styles.highlight must be true or false"},
    {"{\"text\":\"t\",\"thread_message_id\":{}}", "thread_message_id must be a string"},
    {"{\"text\":\"t\",\"thread_title\":1}", "thread_title must be a string"},
    {"{\"text\":\"t\",\"post_in_parent\":1}", "post_in_parent must be true or false"},
    {"{\"text\":\"t\",\"reply_to\":1}", "reply_to must be a string"},
    {"{\"text\":\"t\",\"sync_message\":\"maybe\"}", "sync_message must be true or false"},
    {"{\"text\":\"t\",\"mark_as_read\":[]}", "mark_as_read must be true or false"},
    {"{\"text\":\"t\",\"broadcast\":\"yes\"}", "broadcast must be true or false"},
    {"{\"text\":\"t\",\"userids\":{}}", "userids must be an array of user ids"},
    {"{\"text\":\"t\",\"userids\":[[]]}", "userids[0] must be a string or a number"},
};

static void test_wrong_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s_wrong / sizeof *s_wrong; i++)
        s_refuses(s_wrong[i].json, s_wrong[i].reason);
}

/* What real senders send (docs: CLIQ tolerances). */
static void test_tolerances(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"text\":\"t\",\"bot\":{\"name\":\"\",\"image\":\" \"}}",
        "{\"text\":\"t\",\"card\":{\"title\":\"\",\"theme\":\"\",\"thumbnail\":\"\"}}",
        "{\"text\":\"t\",\"card\":{\"title\":\" \",\"theme\":\" \",\"thumbnail\":\" \"}}",
        "{\"card\":{\"theme\":\"no such theme\"}}",
        "{\"card\":{\"theme\":2}}",
        "{\"card\":{\"theme\":\"modern-inline\",\"preview\":\"x\"}}",
        "{\"slides\":[{\"type\":\"text\",\"data\":\"no title\"}]}",
        "{\"slides\":[{\"type\":\"text\",\"data\":\"\"}]}",
        "{\"text\":\"t\",\"broadcast\":\"true\"}",
        "{\"text\":\"t\",\"broadcast\":\"False\",\"mark_as_read\":\"\"}",
        BUTTON "\"action\":{\"type\":\"open.url\",\"data\":{\"web\":\"myapp://x\",\"z\":[1]}}}]}",
        BUTTON "\"type\":\"+\",\"action\":{\"type\":\"invoke.bot\",\"data\":{}}}]}",
        BUTTON "\"type\":\"\",\"action\":{}}]}",
        "{\"text\":\"t\",\"unknown\":{\"a\":[1,2,{}]}}",
        "{\"text\":\"t\",\"card\":null,\"slides\":null,\"userids\":null}",
        "{\"text\":\"\",\"slides\":[{\"type\":\"list\",\"data\":[\"a\"]}]}",
        SLIDE "\"label\",\"data\":[{\"k\":\"v\"},{\"label\":\"l\",\"value\":1}]}]}",
        "{\"slides\":[{\"type\":\"images\",\"data\":[\"https://a/b\",\"HTTPS://c\"]}]}",
        "{\"slides\":[{\"type\":\"table\",\"data\":{\"headers\":[\"a\"],\"rows\":[{\"a\":1}]}}]}",
        "{\"slides\":[{\"type\":\"graph\",\"title\":\"g\",\"preview\":\"trend\",\"data\":[]}]}",
        "{\"text\":\"[L]($k)\",\"references\":{\"k\":{\"type\":\"button\",\"object\":{}}}}",
        "{\"text\":\"t\",\"references\":{\"k\":{\"type\":\"datetime\",\"object\":{\"label\":1}}}}",
        "{\"text\":\"t\",\"attachments\":[]}",
        "{\"text\":\"nul \\u0000 inside\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        s_takes(rows[i]);
}

static void test_only_attachments_says_why(void **state)
{
    (void)state;
    s_refuses("{\"attachments\":[{\"text\":\"from another service\"}]}", "attachments");
}

static void test_sync_message_is_seen(void **state)
{
    (void)state;
    s_takes("{\"text\":\"t\",\"sync_message\":true}");
    assert_int_equal(s_verdict.flags, MESSAGE_SYNC);
    s_takes("{\"text\":\"t\",\"sync_message\":\"TRUE\"}");
    assert_int_equal(s_verdict.flags, MESSAGE_SYNC);
    s_takes("{\"text\":\"t\",\"sync_message\":false}");
    assert_int_equal(s_verdict.flags, MESSAGE_ASYNC);
    s_takes("{\"text\":\"t\",\"sync_message\":\"false\"}");
    assert_int_equal(s_verdict.flags, MESSAGE_ASYNC);
    s_takes("{\"text\":\"t\",\"sync_message\":\"\"}");
    assert_int_equal(s_verdict.flags, 0);
}

static void test_what_is_no_json(void **state)
{
    (void)state;
    static const struct {
        const char *json, *reason;
    } rows[] = {
        {"", "empty"},
        {"   ", "empty"},
        {"{", "JSON"},
        {"{\"text\":\"t\"", "JSON"},
        {"{\"text\":\"t\"}}", "JSON"},
        {"{\"text\":\"t\",}", "JSON"},
        {"{'text':'t'}", "JSON"},
        {"text=hello", "JSON"},
        {"text=a\\d\"", "JSON"},
        {"{\"text\":\"\xff\"}", "not valid UTF-8: byte 10 (0xff)"},
        {"{\"text\":\"\xed\xa0\x80\"}", "UTF-8"},
        {"{\"text\":\"\\ud800\"}", "\\ud800 at byte 10 is half of a surrogate pair"},
        {"{\"text\":\"\\ud83d\\ude00 \\ude00\"}", "\\ude00 at byte 23 is half"},
        {"{\"text\":\"\\ud83d\\ud83d\"}", "\\ud83d at byte 10 is half"},
        {"{\"text\":\"\\ud83dx\"}", "\\ud83d at byte 10 is half"},
        {"{\"text\":\"C:\\data\"}", "no escape \\d (byte 12)"},
        {"{\"text\":\"\\u12\"}", "no escape \\u (byte 10)"},
        {"{\"text\":\"a\nb\"}", "control character at byte 11 must be escaped as \\u000a"},
        {"{\"text\":\"a", "not closed"},
        {"{\"text\":\"t\",\"n\":01}", "number"},
        {"{\"text\":\"t\",\"n\":1e}", "number"},
        {"{\"text\":\"t\",\"n\":01234567890123456789012}", "number"},
        {"{\"text\":\"t\",\"n\":1e999,\"m\":-}", "number"},
        {"{\"text\":\"t\",\"n\":NaN}", "JSON"},
        {"\xef\xbb\xbf{\"text\":\"t\"}", "JSON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(s_check(rows[i].json), MESSAGE_NOT_JSON);
        if (!strstr(s_verdict.reason, rows[i].reason))
            fail_msg("%s: %s", rows[i].json, s_verdict.reason);
    }
    message_check(s_message, slice("{\"text\":\"a\0b\"}", 14), &s_verdict);
    assert_int_equal(s_verdict.outcome, MESSAGE_NOT_JSON);
    message_check(s_message, slice(NULL, 0), &s_verdict);
    assert_int_equal(s_verdict.outcome, MESSAGE_NOT_JSON);
}

static void test_utf16_is_named(void **state)
{
    (void)state;
    static const slice_t texts[] = {
        {"{\0\"\0t\0", 6}, {"\0{\0\"\0t", 6}, {"\xff\xfe{\0", 4}, {"\xfe\xff\0{", 4}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        message_check(s_message, texts[i], &s_verdict);
        assert_int_equal(s_verdict.outcome, MESSAGE_NOT_JSON);
        assert_non_null(strstr(s_verdict.reason, "UTF-16"));
    }
}

/* What the parser has no place for is taken where nothing is said of it. */
static void test_large_numbers(void **state)
{
    (void)state;
    static const char *const numbers[] = {"1e999", "-1E+400", "123456789012345678901234567890",
                                          "-18446744073709551616", "1234567890123456789012.5e-7"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *json = s_of_items("{\"text\":\"1e999 \\\" 1e999\",\"n\":[%s ]}", 2, numbers[i]);
        s_takes(json);
        free(json);
        json = s_of_items("{\"text\":%s}", 1, numbers[i]);
        s_refuses(json, "text must be a string");
        free(json);
    }
}

static void test_bombs(void **state)
{
    (void)state;
    for (size_t depth = 100; depth <= 1000000; depth *= 10) {
        char *arrays = malloc(depth + 1), *objects = malloc(depth * 5 + 1);
        assert_non_null(arrays);
        assert_non_null(objects);
        memset(arrays, '[', depth);
        arrays[depth] = '\0';
        for (size_t i = 0; i < depth; i++)
            memcpy(objects + i * 5, "{\"a\":", 5);
        objects[depth * 5] = '\0';
        assert_int_equal(s_check(arrays), MESSAGE_NOT_JSON);
        assert_int_equal(s_check(objects), MESSAGE_NOT_JSON);
        free(arrays);
        free(objects);
    }
    char *deep = malloc(4 * MESSAGE_DEPTH);
    assert_non_null(deep);
    size_t len = (size_t)sprintf(deep, "{\"text\":\"t\",\"x\":");
    memset(deep + len, '[', MESSAGE_DEPTH);
    memset(deep + len + MESSAGE_DEPTH, ']', MESSAGE_DEPTH);
    strcpy(deep + len + 2 * MESSAGE_DEPTH, "}");
    assert_int_equal(s_check(deep), MESSAGE_NOT_JSON);
    assert_non_null(strstr(s_verdict.reason, "nested"));
    free(deep);
}

/* Paths of hostile keys stay inside the reason and are printable. */
static void test_a_hostile_path(void **state)
{
    (void)state;
    char *json = s_of_length("{\"text\":\"t\",\"references\":{\"%s\":1}}", 10000, "\\n");
    s_refuses(json, "references.????");
    free(json);
    s_refuses("{\"text\":\"t\",\"references\":{\"\":1}}", "references. must be an object");
}

/* One reader would take the first value and another the last: no message has both. */
static void test_a_name_stands_once(void **state)
{
    (void)state;
    static const struct {
        const char *json, *path;
    } rows[] = {
        {"{\"text\":\"hello\",\"text\":null}", "text stands twice"},
        {"{\"text\":\"a\",\"text\":\"\"}", "text stands twice"},
        {"{\"text\":\"a\",\"x\":1,\"text\":\"a\"}", "text stands twice"},
        {"{\"text\":\"a\",\"te\\u0078t\":\"b\"}", "text stands twice"},
        {"{\"text\":\"a\",\"x\":1,\"y\":2,\"x\":1}", "x stands twice"},
        {"{\"text\":\"a\",\"\":1,\"\":2}", "stands twice"},
        {"{\"card\":{\"title\":\"a\",\"title\":\"b\"}}", "card.title stands twice"},
        {"{\"text\":\"a\",\"bot\":{\"name\":\"a\",\"name\":\"a\"}}", "bot.name stands twice"},
        {BUTTON "\"type\":\"+\",\"type\":\"-\"}]}", "buttons[0].type stands twice"},
        {BUTTON "\"action\":{\"type\":\"copy\",\"type\":\"copy\"}}]}",
         "buttons[0].action.type stands twice"},
        {CONFIRM "\"title\":\"a\",\"title\":\"\"}}}]}",
         "buttons[0].action.confirm.title stands twice"},
        {SLIDE "\"text\",\"data\":\"x\",\"type\":\"table\"}]}", "slides[0].type stands twice"},
        {SLIDE "\"table\",\"data\":{\"headers\":[],\"headers\":1}}]}",
         "slides[0].data.headers stands twice"},
        {SLIDE "\"graph\",\"data\":[{\"values\":[{\"value\":1,\"value\":2}]}]}]}",
         "slides[0].data[0].values[0].value stands twice"},
        {"{\"text\":\"a\",\"references\":{\"a\":{},\"a\":{}}}", "references.a stands twice"},
        {"{\"text\":\"a\",\"references\":{\"a\":{\"type\":\"x\",\"type\":\"y\"}}}",
         "references.a.type stands twice"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        s_refuses(rows[i].json, rows[i].path);
    s_takes("{\"text\":\"a\",\"x\":{\"b\":1,\"b\":2}}"); /* nothing in it is looked at */
}

/* Among many names, too, and in a time that does not grow with their square. */
static void test_a_name_stands_once_among_many(void **state)
{
    enum { NAMES = 60000 };
    char *json = malloc(NAMES * 12 + 100);
    (void)state;
    assert_non_null(json);
    for (int twice = 0; twice < 2; twice++) {
        size_t len = (size_t)sprintf(json, "{\"text\":\"a\"");
        for (unsigned i = 0; i < NAMES; i++)
            len += (size_t)sprintf(json + len, ",\"%05u\":1", i);
        sprintf(json + len, "%s}", twice ? ",\"00777\":2" : "");
        twice ? s_refuses(json, "00777 stands twice") : s_takes(json);
    }
    free(json);
}

/* Every prefix of a valid message, and every byte of it changed, gives a verdict. */
static void test_damage(void **state)
{
    (void)state;
    const char *json =
        "{\"text\":\"\\u00e9\",\"slides\":[{\"type\":\"table\",\"data\":{\"headers\":"
        "[\"a\"],\"rows\":[{\"a\":-1.5e3}]}}],\"userids\":[1,\"2\"]}";
    size_t len = strlen(json);
    for (size_t i = 0; i < len; i++) {
        message_check(s_message, slice(json, i), &s_verdict);
        assert_int_equal(s_verdict.outcome, MESSAGE_NOT_JSON);
    }
    char *copy = strdup(json);
    for (size_t i = 0; i < len; i++)
        for (unsigned c = 0; c < 256; c++) {
            copy[i] = (char)c;
            message_check(s_message, slice(copy, len), &s_verdict);
            assert_true(s_verdict.outcome <= MESSAGE_INVALID);
            copy[i] = json[i];
        }
    free(copy);
}

/* A large body after a small one and the other way round. */
static void test_the_parser_is_reused(void **state)
{
    (void)state;
    char *large = s_of_length("{\"text\":\"t\",\"x\":\"%s\"}", 300000, "y");
    for (int i = 0; i < 3; i++) {
        s_takes("{\"text\":\"t\"}");
        s_takes(large);
    }
    free(large);
}

static int s_setup(void **state)
{
    (void)state;
    s_message = message_new();
    return 0;
}

/* Attachments or blocks without card and slides, whose message shows nothing of them. */
static void test_what_is_slacks_is_seen(void **state)
{
    static const struct {
        const char *body;
        unsigned flags;
    } rows[] = {
        {"{\"text\":\"a\",\"attachments\":[{\"text\":\"b\"}]}", MESSAGE_ATTACHED},
        {"{\"blocks\":[1],\"text\":\"a\"}", MESSAGE_ATTACHED},
        {"{\"text\":\"a\",\"attachments\":[]}", 0},
        {"{\"text\":\"a\",\"blocks\":{\"a\":1}}", 0},
        {"{\"text\":\"a\",\"attachments\":null}", 0},
        {"{\"text\":\"a\",\"blocks\":[1],\"card\":{\"title\":\"t\"}}", 0},
        {"{\"blocks\":[1],\"slides\":[{\"type\":\"text\",\"data\":\"d\"}]}", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        message_check(s_message, slice_of(rows[i].body), &s_verdict);
        assert_int_equal(s_verdict.outcome, MESSAGE_OK);
        assert_int_equal(s_verdict.flags, rows[i].flags);
    }
}

static int s_teardown(void **state)
{
    (void)state;
    message_destroy(&s_message);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_message),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_tolerances),
        cmocka_unit_test(test_only_attachments_says_why),
        cmocka_unit_test(test_sync_message_is_seen),
        cmocka_unit_test(test_what_is_slacks_is_seen),
        cmocka_unit_test(test_what_is_no_json),
        cmocka_unit_test(test_utf16_is_named),
        cmocka_unit_test(test_large_numbers),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_a_hostile_path),
        cmocka_unit_test(test_a_name_stands_once),
        cmocka_unit_test(test_a_name_stands_once_among_many),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_the_parser_is_reused),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
