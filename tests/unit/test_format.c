/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/wire/pairs.h"
#include "workers/format/formats.h"
#include "workers/message/message.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static renderer_t *s_renderer;
static message_t *s_message;
static char s_out[70000];

static format_t *s_parsed(const char *json)
{
    format_fault_t fault;
    format_t *format = format_parse(slice_of(json), &fault);
    if (!format)
        fail_msg("%s: line %u: %s", json, fault.line, fault.reason);
    return format;
}

/* Renders BODY with a format of these RULES; what comes out is a valid message. */
static format_outcome_t s_render(const char *rules, const char *body, format_result_t *result)
{
    char json[8192];
    pack_t headers = {0};
    message_verdict_t verdict;
    snprintf(json, sizeof json,
             "{\"sender\": \"mine\", \"event\": \"{{ header.x-event }}\", \"rules\": %s}", rules);
    format_t *format = s_parsed(json);
    wire_pairs_add(&headers, slice_of("x-event"), slice_of("push"));
    wire_pairs_add(&headers, slice_of("content-type"), slice_of("application/json"));
    event_t event = {.headers = wire_pairs_of(&headers), .body = slice_of(body)};
    renderer_begin(s_renderer, &event);
    format_render(s_renderer, format, result);
    snprintf(s_out, sizeof s_out, "%.*s", SLICE_ARG(result->message));
    if (result->message.len) {
        message_check(s_message, result->message, &verdict);
        if (verdict.outcome != MESSAGE_OK)
            fail_msg("%s: %s", s_out, verdict.reason);
    }
    format_destroy(&format);
    pack_free(&headers);
    return result->outcome;
}

/* The text of a message with this template is WANTED, as JSON. */
static void s_gives(const char *template, const char *body, const char *wanted)
{
    char rules[4096], text[8192];
    format_result_t result;
    snprintf(rules, sizeof rules,
             "[{\"message\": {\"text\": \"%s\", \"slides\": [{\"type\": "
             "\"text\", \"data\": \"-\"}]}}]",
             template);
    if (s_render(rules, body, &result) != FORMAT_MESSAGE)
        fail_msg("%s: %s", template, result.reason);
    snprintf(text, sizeof text, "{\"text\":\"%s\",\"slides\":", wanted);
    if (strncmp(s_out, *wanted ? text : "{\"slides\":", strlen(*wanted ? text : "{\"slides\":")))
        fail_msg("%s: wanted %s, got %s", template, wanted, s_out);
}

static void test_paths(void **state)
{
    (void)state;
    const char *body =
        "{\"a\": {\"b\": [1, {\"c-d\": \"x\"}, true]}, \"odd name\": 1.5, \"n\": null,"
        " \"item\": \"i\", \"big\": 9007199254740993}";
    s_gives("{{ a.b[0] }}", body, "1");
    s_gives("{{ a.b[1].c-d }}", body, "x");
    s_gives("{{ a.b.1.c-d }}", body, "x");
    s_gives("{{ a.b[-1] }}", body, "true");
    s_gives("{{ body[\\\"odd name\\\"] }}", body, "1.5");
    s_gives("{{ big }}", body, "9007199254740993");
    s_gives("<{{ n }}{{ a.x.y }}{{ a.b[7] }}{{ a.b.c }}>", body, "<>");
    s_gives("{{ header.x-event }}", body, "push");
}

static void test_sections(void **state)
{
    (void)state;
    const char *body =
        "{\"l\": [{\"n\": 1}, {\"n\": 2}, {\"n\": 3}], \"o\": {\"k\": \"v\"}, \"z\": 0,"
        " \"e\": \"\", \"f\": false, \"s\": \"abc\"}";
    s_gives("{{ each l most 2 }}{{ index }}={{ n }} {{ end }}", body, "1=1 2=2");
    s_gives("{{ each o }}{{ key }}:{{ item }}{{ end }}", body, "k:v");
    s_gives("{{ each none }}x{{ else }}nothing{{ end }}", body, "nothing");
    s_gives("{{ each l }}{{ each up.o }}{{ up.n }}{{ end }}{{ end }}", body, "123");
    s_gives("{{ if z }}zero{{ end }}{{ if e or f or none }}x{{ end }}", body, "zero");
    s_gives("{{ if s == 'x' }}x{{ elif s like 'a*' }}like{{ else }}y{{ end }}", body, "like");
    s_gives("{{ if s in ['x', 'abc'] and not (z > 1) }}in{{ end }}", body, "in");
    s_gives("{{ if l | length >= 3 }}three{{ end }}", body, "three");
}

static void test_filters(void **state)
{
    (void)state;
    const char *body =
        "{\"t\": \"Ünïcödé text\", \"l\": [{\"n\": \"a\"}, {\"n\": \"b\"}], \"n\": 1234567, \"d\": "
        "1700000000,"
        " \"m\": 1250, \"c\": \"eur\", \"u\": \"https://e.example/a b\", \"j\": \"javascript:x\","
        " \"lines\": \"one\\ntwo\", \"empty\": \"\", \"st\": \"open\", \"iso\": "
        "\"2024-01-02T03:04:05+01:00\"}";
    s_gives("{{ t | cut(4) }}", body, "Ünïc…");
    s_gives("{{ t | cut(4, '') }}", body, "Ünïc");
    s_gives("{{ l | join(' + ', 'n') }}", body, "a + b");
    s_gives("{{ l | count('thing') }}", body, "2 things");
    s_gives("{{ n | number }}", body, "1,234,567");
    s_gives("{{ d | date }} {{ d | date('%Y') }} {{ iso | date('%H:%M') }}", body,
            "2023-11-14 22:13 UTC 2023 02:04");
    s_gives("{{ m | money(c) }}", body, "12.50 EUR");
    s_gives("{{ 'x' | link(u) }} {{ 'y' | link(j) }}", body, "[x](https://e.example/a%20b) y");
    s_gives("{{ 'https://e.example/a(b)\u202e*' | url }}", body,
            "https://e.example/a%28b%29%E2%80%AE%2A");
    s_gives("{{ lines | line }}", body, "one");
    s_gives("{{ empty | default(none, st) | upper }}", body, "OPEN");
    s_gives("{{ st | prefix('*') | suffix('*') }}{{ empty | prefix('x') }}", body, "*open*");
    s_gives("{{ st | choose('open', 'O', 'closed', 'C', '?') }}", body, "O");
    s_gives("{{ '#A32037' | mark }}{{ 'ffa500' | mark }}{{ 'good' | mark }}{{ 'Danger' | mark }}.",
            body, "🔴 🟡 🟢 🔴 .");
    s_gives("{{ color | mark }}{{ '#3AA3E3' | mark }}{{ '#777' | mark }}{{ 'x' | mark }}.",
            "{\"color\": 15548997}", "🔴 .");
    s_gives("{{ st | code }} {{ st | bold }} {{ empty | bold }}", body, "`open` *open*");
    s_gives("{{ lines | quote }}", body, "> one\\n> two");
}

static void test_values_mean_nothing_in_markup(void **state)
{
    (void)state;
    const char *body = "{\"a\": \"*x* [l](http://e) `c` @all snake_case a@b.c\","
                       " \"b\": \"x\\u202ey\\u0007z\", \"c\": \"a`b\"}";
    s_gives("{{ a }}", body,
            "\\\\*x\\\\* \\\\[l\\\\](http://e) \\\\`c\\\\` \\\\@all snake_case a@b.c");
    s_gives("{{ a | raw }}", body, "*x* [l](http://e) `c` @all snake_case a@b.c");
    s_gives("{{ b }}", body, "xyz");
    s_gives("{{ c | code }}", body, "`a'b`");
}

/* A text of the format's own around a value is not escaped, and the value is where it is written.
 */
static void test_values_are_escaped_where_they_are_written(void **state)
{
    (void)state;
    const char *body = "{\"v\": \"_a_ *b*\", \"w\": \"*w*\"}";
    format_result_t result;
    s_gives("{{ v | prefix('*') | suffix('*') }}", body, "*\\\\_a\\\\_ \\\\*b\\\\**");
    s_gives("{{ v | prefix('https://e.example/') | url }}", body,
            "https://e.example/_a_%20%2Ab%2A");
    s_gives("{{ 'x' | link(w) }}{{ v | prefix('a') | code }}", body, "x`a_a_ *b*`");
    s_gives("{{ v | prefix(w) }}", body, "\\\\*w\\\\*\\\\_a\\\\_ \\\\*b\\\\*");
    s_gives("{{ if v | prefix('x') == 'x_a_ *b*' }}same{{ end }}", body, "same");
    assert_int_equal(
        s_render("[{\"message\": {\"text\": \"x\", \"bot\": {\"name\": \"{{ v | prefix('<') "
                 "| suffix('>') }} {{ w | bold }} {{ w | code }}\"}}}]",
                 body, &result),
        FORMAT_MESSAGE);
    assert_non_null(strstr(s_out, "{\"name\":\"<_a_ *b*> *w* *w*\"}"));
}

static void test_an_unknown_event_gives_a_summary(void **state)
{
    (void)state;
    format_result_t result;
    assert_int_equal(s_render("[{\"on\": [\"pull\"], \"message\": {\"text\": \"x\"}}]",
                              "{\"title\": \"A thing\", \"user\": {\"login\": \"ada\"}, "
                              "\"html_url\": \"https://e.example/1\"}",
                              &result),
                     FORMAT_SUMMARY);
    assert_non_null(strstr(s_out, "push"));
    assert_non_null(strstr(s_out, "A thing"));
    assert_non_null(strstr(s_out, "ada"));
    assert_non_null(strstr(s_out, "https://e.example/1"));
    assert_int_equal(s_render("[{\"on\": [\"p*\"], \"drop\": true}]", "{}", &result),
                     FORMAT_DROPPED);
    assert_int_equal(s_render("[{\"message\": {\"text\": \"{{ none }}\"}}]", "{}", &result),
                     FORMAT_SUMMARY);
    assert_int_equal(s_render("[{\"message\": {\"text\": \"x\"}}]", "{\"a\": ", &result),
                     FORMAT_NO_JSON);
    assert_true(result.reason[0]);
}

/* What the sender calls the event becomes its key, whatever is made of it. */
static void test_a_summary_keeps_the_events_id(void **state)
{
    (void)state;
    format_t *format =
        s_parsed("{\"sender\": \"mine\", \"event\": \"opened\", \"id\": \"{{ id }}\", "
                 "\"rules\": [{\"on\": [\"closed\"], \"drop\": true}]}");
    char body[1024];
    snprintf(body, sizeof body, "{\"id\": \"delivery-1\", \"title\": \"%0500d\"}", 0);
    event_t event = {.body = slice_of(body)};
    format_result_t result;
    renderer_begin(s_renderer, &event);
    format_render(s_renderer, format, &result);
    assert_int_equal(result.outcome, FORMAT_SUMMARY);
    assert_true(slice_is(result.event, "opened"));
    if (!slice_is(result.id, "delivery-1"))
        fail_msg("the id became \"%.*s\"", SLICE_ARG(result.id));
    format_destroy(&format);
}

static void test_what_takes_too_long_fails(void **state)
{
    (void)state;
    format_result_t result;
    char body[4096] = "{\"title\": \"A thing\", \"a\": [";
    for (int i = 0; i < 500; i++)
        strcat(body, i ? ",1" : "1");
    strcat(body, "]}");
    assert_int_equal(s_render("[{\"message\": {\"text\": \"{{ each a }}{{ each body.a }}{{ each "
                              "body.a }}{{ item }}{{ end }}{{ end }}{{ end }}\"}}]",
                              body, &result),
                     FORMAT_FAILED);
    assert_non_null(strstr(s_out, "A thing"));
    assert_non_null(strstr(s_out, "⚠ format mine"));
}

static void test_faults_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *reason;
        unsigned line;
    } rows[] = {
        {"[\n{\"message\":\n{\"text\": \"{{ a | uper }}\"}}]",
         "no filter \"uper\"; did you mean \"upper\"?", 3},
        {"[{\"message\": {\"text\": \"{{ a\"}}]", "}}", 1},
        {"[{\"message\": {\"text\": \"{{ if a }}x\"}}]", "{{ end }} is missing", 1},
        {"[{\"message\": {\"text\": \"{{ end }}\"}}]", "without its", 1},
        {"[{\"message\": {\"text\": \"`{{ a }}`\"}}]", "code", 1},
        {"[{\"message\": {\"text\": \"[a]({{ a }})\"}}]", "url", 1},
        {"[{\"message\": {\"text\": \"x\"}, \"if\": \"a ==\"}]", "expected", 1},
        {"[{\"messag\": {\"text\": \"x\"}}]", "messag", 1},
        {"[{\"on\": [\"a\"], \"on\": [\"b\"], \"drop\": true}]", "stands twice", 1},
        {"[]", "rules", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char json[1024];
        format_fault_t fault;
        snprintf(json, sizeof json, "{\"sender\": \"mine\", \"rules\": %s}", rows[i].rules);
        if (format_parse(slice_of(json), &fault))
            fail_msg("%s: was taken", json);
        if (!strstr(fault.reason, rows[i].reason))
            fail_msg("%s: %s", json, fault.reason);
        if (fault.line != rows[i].line && strcmp(rows[i].rules, "[]"))
            fail_msg("%s: line %u", json, fault.line);
    }
}

static void test_the_built_in_formats(void **state)
{
    (void)state;
    formats_t *formats = formats_new();
    pack_t headers = {0};
    assert_true(formats_count(formats) > 0);
    assert_non_null(formats_find(formats, slice_of("github")));
    assert_null(formats_find(formats, slice_of("nobody")));
    wire_pairs_add(&headers, slice_of("x-github-event"), slice_of("ping"));
    event_t event = {.headers = wire_pairs_of(&headers), .body = slice_of("{}")};
    renderer_begin(s_renderer, &event);
    const formats_row_t *row = formats_detect(formats, s_renderer);
    assert_non_null(row);
    assert_true(slice_is(row->name, "github"));
    event = (event_t){.body = slice_of("{}")};
    renderer_begin(s_renderer, &event);
    assert_null(formats_detect(formats, s_renderer));
    pack_free(&headers);
    formats_destroy(&formats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_values_mean_nothing_in_markup),
        cmocka_unit_test(test_values_are_escaped_where_they_are_written),
        cmocka_unit_test(test_an_unknown_event_gives_a_summary),
        cmocka_unit_test(test_a_summary_keeps_the_events_id),
        cmocka_unit_test(test_what_takes_too_long_fails),
        cmocka_unit_test(test_faults_name_their_place),
        cmocka_unit_test(test_the_built_in_formats),
    };
    s_renderer = renderer_new();
    s_message = message_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    renderer_destroy(&s_renderer);
    message_destroy(&s_message);
    return failed;
}
