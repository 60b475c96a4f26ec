#include "ctl/format/cases.h"

#include "ctl/credential.h"
#include "ctl/table.h"
#include "workers/message/message.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 256, WHERE = 512 };

/* What a body of this ending is posted as. */
static const struct {
    const char *ending, *type;
} s_kinds[] = {{".json", "Content-Type: application/json"},
               {".form", "Content-Type: application/x-www-form-urlencoded"},
               {".text", "Content-Type: text/plain"}};
enum { KINDS = sizeof s_kinds / sizeof *s_kinds };

typedef struct {
    ctl_t *ctl;
    const chosen_t *chosen;
    const char *folder;
    renderer_t *renderer;
    message_t *message;
    bool accept;
    json_t *rows;
    int wrong;
} cases_t;

static bool s_ends(const char *name, const char *ending)
{
    size_t len = strlen(name), end = strlen(ending);
    return len > end && strcmp(name + len - end, ending) == 0;
}

/* Which kind of body the file NAME is; KINDS: none. */
static unsigned s_kind(const char *name)
{
    unsigned kind = 0;
    while (kind < KINDS && !s_ends(name, s_kinds[kind].ending))
        kind++;
    return s_ends(name, ".expected.json") ? KINDS : kind;
}

static int s_is_body(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && s_kind(entry->d_name) < KINDS;
}

static void s_path(const cases_t *self, const char *name, const char *ending, char *path)
{
    snprintf(path, PATH_MAX, "%s/cases/%s%s", self->folder, name, ending);
}

static bool s_read_query(const cases_t *self, const char *name, caught_t *caught)
{
    char path[PATH_MAX];
    size_t len;
    s_path(self, name, ".query", path);
    if (access(path, F_OK) != 0)
        return true;
    char *query = credential_read_file(path, CAUGHT_HEADERS, &len);
    if (query)
        caught_query(caught, slice(query, strcspn(query, "\r\n")));
    free(query);
    return query != NULL;
}

/* FILE is the body's, of the case NAME. */
static bool s_read(const cases_t *self, const char *file, const char *name, caught_t *caught)
{
    char path[PATH_MAX];
    s_path(self, name, ".headers", path);
    if (access(path, F_OK) == 0 && !caught_headers(caught, path))
        return false;
    if (!caught_has(caught, "content-type"))
        caught_header(caught, slice_of(s_kinds[s_kind(file)].type));
    s_path(self, file, "", path);
    return s_read_query(self, name, caught) && caught_body(caught, path);
}

/* What comes out, as it stands in an expected file. */
static json_t *s_made(const format_result_t *result)
{
    switch (result->outcome) {
    case FORMAT_MESSAGE:
        return json_loadb(result->message.data, result->message.len, 0, NULL);
    case FORMAT_FAILED:
    case FORMAT_NO_JSON:
        return json_pack("{s:s, s:o}", "failed", format_outcome_name(result->outcome), "reason",
                         table_string(result->reason));
    default:
        return json_string(result->outcome == FORMAT_DROPPED ? "drop" : "summary");
    }
}

/* Writes WHERE the two differ first, and how: "slides[0].title: …". */
static bool s_differ(const json_t *wanted, const json_t *made, const char *at, char *where)
{
    char below[WHERE];
    const char *key;
    json_t *value;
    size_t i;
    if (json_equal(wanted, made))
        return false;
    if (json_is_object(wanted) && json_is_object(made)) {
        json_object_foreach ((json_t *)wanted, key, value) {
            snprintf(below, sizeof below, "%s%s%.100s", at, *at ? "." : "", key);
            if (s_differ(value, json_object_get(made, key), below, where))
                return true;
        }
    }
    if (json_is_array(wanted) && json_is_array(made))
        json_array_foreach (wanted, i, value) {
            snprintf(below, sizeof below, "%.400s[%zu]", at, i);
            if (s_differ(value, json_array_get(made, i), below, where))
                return true;
        }
    snprintf(where, WHERE, "%s", at);
    return true;
}

static json_t *s_at(const json_t *value)
{
    return value ? json_incref((json_t *)value) : json_null();
}

/* The value at a place that s_differ wrote. */
static const json_t *s_find(const json_t *value, const char *where)
{
    while (value && *where) {
        char key[128];
        size_t len = strcspn(where, ".[");
        if (*where == '[') {
            value = json_array_get(value, strtoul(where + 1, NULL, 10));
            where += strcspn(where, "]") + 1;
        } else {
            snprintf(key, sizeof key, "%.*s", (int)len, where);
            value = json_object_get(value, key);
            where += len;
        }
        where += *where == '.';
    }
    return value;
}

/* What came out, as what is expected. */
static void s_accept(cases_t *self, const char *path, json_t *row, const json_t *made)
{
    FILE *file = fopen(path, "w");
    bool good = file && json_dumpf(made, file, JSON_INDENT(2) | JSON_ENCODE_ANY) == 0 &&
                fputc('\n', file) != EOF;
    if (file && fclose(file) != 0)
        good = false;
    json_object_set_new(row, "result", json_string(good ? "written" : "cannot be written"));
    if (!good) {
        self->wrong++;
        json_object_set_new(row, "reason", json_sprintf("%s: %s", path, strerror(errno)));
    }
}

static void s_compare(cases_t *self, const char *name, json_t *row, const json_t *made)
{
    char path[PATH_MAX], where[WHERE] = "";
    s_path(self, name, ".expected.json", path);
    json_t *wanted = json_load_file(path, JSON_DECODE_ANY, NULL);
    if (self->accept && !json_equal(wanted, made)) {
        s_accept(self, path, row, made);
    } else if (!wanted) {
        self->wrong++;
        json_object_set_new(row, "result", json_string("no expected file"));
    } else if (s_differ(wanted, made, "", where)) {
        self->wrong++;
        json_object_set_new(row, "result", json_string("differs"));
        json_object_set_new(row, "at", table_string(where));
        json_object_set_new(row, "expected", s_at(s_find(wanted, where)));
        json_object_set_new(row, "made", s_at(s_find(made, where)));
    } else {
        json_object_set_new(row, "result", json_string("right"));
    }
    json_decref(wanted);
}

/* The format that knows the event more surely than this one, which knows it, too; NULL: none. */
static const formats_row_t *s_surer(const cases_t *self, const formats_row_t *format)
{
    const formats_row_t *detected = formats_detect(self->chosen->set, self->renderer);
    unsigned sure = format_detects(self->renderer, format->format);
    return detected && sure && format_detects(self->renderer, detected->format) > sure ? detected
                                                                                       : NULL;
}

/* What is wrong whatever is expected: a failure, a message that is none, another format's event. */
static bool s_fault(cases_t *self, const formats_row_t *format, const format_result_t *result,
                    json_t *row)
{
    message_verdict_t verdict = {.outcome = MESSAGE_OK};
    const formats_row_t *detected = s_surer(self, format);
    if (result->message.len)
        message_check(self->message, result->message, &verdict);
    if (result->outcome == FORMAT_FAILED || result->outcome == FORMAT_NO_JSON) {
        json_object_set_new(row, "result", json_string("fails"));
        json_object_set_new(row, "reason", table_string(result->reason));
    } else if (verdict.outcome != MESSAGE_OK) {
        json_object_set_new(row, "result", json_string("is no message"));
        json_object_set_new(row, "reason", table_string(verdict.reason));
    } else if (detected) {
        json_object_set_new(row, "result", json_string("is detected as another's"));
        json_object_set_new(row, "reason", json_stringn(detected->name.data, detected->name.len));
    } else {
        return false;
    }
    self->wrong++;
    return true;
}

static bool s_run(cases_t *self, const char *file)
{
    char name[NAME];
    caught_t caught = {0};
    const formats_row_t *format = self->chosen->row;
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(s_kinds[s_kind(file)].ending)),
             file);
    bool good = s_read(self, file, name, &caught);
    if (good) {
        event_t event = chosen_event(&caught);
        format_result_t result;
        json_t *row =
            json_pack("{s:s%, s:s}", "format", format->name.data, format->name.len, "case", name);
        renderer_begin(self->renderer, &event);
        format_render(self->renderer, format->format, &result);
        json_t *made = s_made(&result);
        if (!s_fault(self, format, &result, row))
            s_compare(self, name, row, made);
        json_decref(made);
        json_array_append_new(self->rows, row);
    } else {
        ctl_error(self->ctl, "failed", "%s/cases/%s: %s", self->folder, file, strerror(errno));
    }
    caught_free(&caught);
    return good;
}

int cases_run(ctl_t *ctl, const chosen_t *chosen, const char *path, bool accept, json_t *rows)
{
    cases_t self = {.ctl = ctl, .chosen = chosen, .folder = path, .accept = accept, .rows = rows};
    char cases[PATH_MAX];
    struct dirent **files = NULL;
    snprintf(cases, sizeof cases, "%s/cases", path);
    int count = scandir(cases, &files, s_is_body, alphasort);
    if (count < 0 && errno != ENOENT) {
        ctl_error(ctl, "failed", "%s: %s", cases, strerror(errno));
        return -1;
    }
    self.renderer = renderer_new();
    self.message = message_new();
    for (int i = 0; i < count; i++) {
        if (self.wrong >= 0 && !s_run(&self, files[i]->d_name))
            self.wrong = -1;
        free(files[i]);
    }
    free(files);
    message_destroy(&self.message);
    renderer_destroy(&self.renderer);
    return self.wrong;
}
