/* posternctl format list, show and try: formats of senders' events, without a server. */
#include "common/base/clock.h"
#include "ctl/command.h"
#include "ctl/format/chosen.h"
#include "ctl/format/installed.h"
#include "ctl/format/last.h"
#include "ctl/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *s_text(slice_t text)
{
    char *copy = strndup(text.data ? text.data : "", text.len);
    if (!copy)
        abort();
    json_t *made = table_string(copy);
    free(copy);
    return made;
}

int format_list_run(ctl_t *ctl)
{
    chosen_t chosen;
    if (ctl_option(ctl, "--installed"))
        return installed_list(ctl);
    bool good = chosen_open(&chosen, ctl);
    json_t *rows = json_array();
    for (size_t i = 0; good && i < formats_count(chosen.set); i++) {
        const formats_row_t *row = formats_row(chosen.set, i);
        json_t *made = json_pack("{s:o, s:o, s:s}", "name", s_text(row->name), "title",
                                 table_string(format_title(row->format)), "from",
                                 row->is_own ? "directory" : "built in");
        json_array_append_new(rows, made);
    }
    if (good && ctl_json(ctl)) {
        json_t *all = json_pack("{s:O}", "formats", rows);
        table_json(all);
        json_decref(all);
    } else if (good) {
        table_rows(rows, "name title from");
    }
    json_decref(rows);
    chosen_free(&chosen);
    return good ? CTL_OK : CTL_REFUSED;
}

/* The events that its rules name, each once. */
static json_t *s_events(slice_t text)
{
    json_t *format = json_loadb(text.data, text.len, 0, NULL), *rule, *on;
    json_t *events = json_array();
    size_t i, k;
    json_array_foreach (json_object_get(format, "rules"), i, rule) {
        json_t *names = json_object_get(rule, "on");
        if (json_is_string(names))
            json_array_append(events, names);
        json_array_foreach (names, k, on)
            json_array_append(events, on);
    }
    json_decref(format);
    return events;
}

static void s_print_events(const json_t *events)
{
    size_t i;
    json_t *event;
    if (json_array_size(events) > 0)
        fputs("\nEvents that it knows:\n", stdout);
    json_array_foreach (events, i, event) {
        fputs("  ", stdout);
        table_text(stdout, json_string_value(event));
        putchar('\n');
    }
}

static void s_print_lines(slice_t text)
{
    for (size_t at = 0, len; at < text.len; at += len + 1) {
        const char *end = memchr(text.data + at, '\n', text.len - at);
        len = end ? (size_t)(end - text.data) - at : text.len - at;
        char *line = strndup(text.data + at, len);
        if (!line)
            abort();
        table_text(stdout, line);
        putchar('\n');
        free(line);
    }
}

static void s_show(ctl_t *ctl, const formats_row_t *row)
{
    json_t *events = s_events(row->text);
    if (ctl_json(ctl)) {
        json_t *all = json_pack("{s:o, s:o, s:o, s:O, s:o}", "name", s_text(row->name), "title",
                                table_string(format_title(row->format)), "readme",
                                s_text(row->readme), "events", events, "format",
                                json_loadb(row->text.data, row->text.len, 0, NULL));
        table_json(all);
        json_decref(all);
    } else {
        s_print_lines(row->readme);
        printf("\nA channel's address: …/channelsbyname/NAME/incoming/%.*s\n",
               SLICE_ARG(row->name));
        s_print_events(events);
    }
    json_decref(events);
}

int format_show_run(ctl_t *ctl)
{
    chosen_t chosen;
    if (ctl_option(ctl, "--installed"))
        return installed_show(ctl, ctl_argument(ctl, 0));
    bool good = chosen_open(&chosen, ctl) && chosen_find(&chosen, ctl, ctl_argument(ctl, 0));
    if (good && ctl_option(ctl, "--source"))
        fwrite(chosen.row->text.data, 1, chosen.row->text.len, stdout);
    else if (good)
        s_show(ctl, chosen.row);
    chosen_free(&chosen);
    return good ? CTL_OK : CTL_REFUSED;
}

/* The request of a try: headers of -H and --headers, a query, and the body on stdin; or an event
 * that a channel keeps. */
static bool s_catch(ctl_t *ctl, caught_t *caught)
{
    const char *file = ctl_option(ctl, "--headers"), *header;
    for (unsigned i = 0; (header = ctl_option_at(ctl, "--header", i)); i++)
        if (!caught_header(caught, slice_of(header))) {
            ctl_error(ctl, "failed", "--header takes 'Name: value', not '%s'", header);
            return false;
        }
    if (file && !caught_headers(caught, file)) {
        ctl_error(ctl, "failed", "%s: %s", file, strerror(errno));
        return false;
    }
    if (ctl_option(ctl, "--query"))
        caught_query(caught, slice_of(ctl_option(ctl, "--query")));
    if (ctl_option(ctl, "--last"))
        return last_event(ctl, ctl_option(ctl, "--last"), caught);
    if (!caught_body(caught, "-")) {
        ctl_error(ctl, "failed", "stdin: %s", strerror(errno));
        return false;
    }
    return true;
}

static json_t *s_result(const formats_row_t *row, const format_result_t *result, int64_t us)
{
    json_t *report = json_pack("{s:o, s:s}", "format", s_text(row->name), "outcome",
                               format_outcome_name(result->outcome));
    if (result->event.len)
        json_object_set_new(report, "event", s_text(result->event));
    if (result->id.len)
        json_object_set_new(report, "id", s_text(result->id));
    if (result->branch.len)
        json_object_set_new(report, "branch", s_text(result->branch));
    if (result->rule >= 0)
        json_object_set_new(report, "rule", json_integer(result->rule));
    if (result->reason[0])
        json_object_set_new(report, "reason", table_string(result->reason));
    json_object_set_new(report, "steps", json_integer(result->steps));
    json_object_set_new(report, "us", json_integer(us));
    return report;
}

/* What --only, --except and --branch say; false after the error was shown. */
static bool s_select(ctl_t *ctl, selection_t *selection)
{
    static const char *const names[] = {"--only", "--except", "--branch"};
    slice_t *lists[] = {&selection->only, &selection->except, &selection->branch};
    *selection = (selection_t){.separator = ','};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        const char *given = ctl_option(ctl, names[i]);
        *lists[i] = given ? slice_of(given) : slice("", 0);
        const char *fault = selection_fault(*lists[i], ',');
        if (fault) {
            ctl_error(ctl, "failed", "%s %s", names[i], fault);
            return false;
        }
    }
    return true;
}

/* Warm, as in a worker: the first rendering takes the memory that the others use again. */
static int64_t s_render(renderer_t *renderer, const formats_row_t *row, const event_t *event,
                        const selection_t *selection, format_result_t *result)
{
    enum { TIMES = 20 };
    format_wanted_t wanted = {.selections = selection, .selections_count = 1};
    int64_t from = 0;
    for (int i = 0; i <= TIMES; i++) {
        if (i == 1)
            from = clock_us();
        renderer_begin(renderer, event);
        renderer_want(renderer, &wanted);
        format_render(renderer, row->format, result);
    }
    return (clock_us() - from) / TIMES;
}

static int s_report(ctl_t *ctl, const formats_row_t *row, const format_result_t *result, int64_t us)
{
    json_t *report = s_result(row, result, us);
    json_t *message = json_loadb(result->message.data, result->message.len, 0, NULL);
    if (ctl_json(ctl)) {
        if (message)
            json_object_set(report, "message", message);
        table_json(report);
    } else {
        table_fields(report);
        if (message)
            table_json(message);
    }
    json_decref(report);
    json_decref(message);
    return result->outcome == FORMAT_FAILED || result->outcome == FORMAT_NO_JSON ? CTL_REFUSED
                                                                                 : CTL_OK;
}

/* Without a name the format is detected, as at a channel's /incoming. */
static bool s_choose(ctl_t *ctl, chosen_t *chosen, renderer_t *renderer, const event_t *event)
{
    if (ctl_argument(ctl, 0))
        return chosen_find(chosen, ctl, ctl_argument(ctl, 0));
    renderer_begin(renderer, event);
    chosen->row = formats_detect(chosen->set, renderer);
    if (!chosen->row)
        ctl_error(ctl, "not_found", "no format knows this event: name one");
    return chosen->row != NULL;
}

int format_try_run(ctl_t *ctl)
{
    chosen_t chosen;
    caught_t caught = {0};
    selection_t selection;
    renderer_t *renderer = renderer_new();
    int status = CTL_REFUSED;
    if (chosen_open(&chosen, ctl) && s_select(ctl, &selection) && s_catch(ctl, &caught)) {
        event_t event = chosen_event(&caught);
        format_result_t result;
        if (s_choose(ctl, &chosen, renderer, &event)) {
            int64_t us = s_render(renderer, chosen.row, &event, &selection, &result);
            status = s_report(ctl, chosen.row, &result, us);
        }
    }
    renderer_destroy(&renderer);
    caught_free(&caught);
    chosen_free(&chosen);
    return status;
}
