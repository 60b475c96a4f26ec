/* posternctl format test: the golden cases of folders. */
#include "ctl/command.h"
#include "ctl/format/cases.h"
#include "ctl/table.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    ctl_t *ctl;
    chosen_t chosen;
    json_t *rows;
    int wrong;
} tests_t;

static bool s_has_format(const char *path)
{
    char file[PATH_MAX];
    int len = snprintf(file, sizeof file, "%s/format.json", path);
    return len < (int)sizeof file && access(file, F_OK) == 0;
}

static bool s_folder(tests_t *self, const char *path)
{
    char plain[PATH_MAX];
    snprintf(plain, sizeof plain, "%s%s", strchr(path, '/') ? "" : "./", path);
    if (!chosen_find(&self->chosen, self->ctl, plain))
        return false;
    int wrong = cases_run(self->ctl, &self->chosen, path, ctl_option(self->ctl, "--accept") != NULL,
                          self->rows);
    self->wrong += wrong > 0 ? wrong : 0;
    return wrong >= 0;
}

/* PATH is a format's folder, or one of such folders. */
static bool s_path(tests_t *self, const char *path)
{
    struct dirent **names = NULL;
    bool good = true;
    if (s_has_format(path))
        return s_folder(self, path);
    int count = scandir(path, &names, NULL, alphasort), found = 0;
    for (int i = 0; i < count; i++) {
        char below[PATH_MAX];
        int len = snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && len < (int)sizeof below && s_has_format(below)) {
            good = s_folder(self, below) && good;
            found++;
        }
        free(names[i]);
    }
    free(names);
    if (count < 0 || found == 0)
        ctl_error(self->ctl, "failed", "%s: %s", path,
                  count < 0 ? strerror(errno) : "there is no format.json in it, or below it");
    return good && found > 0;
}

/* A value on a line of its own, indented. */
static void s_print(const char *what, const json_t *value)
{
    if (!value)
        return;
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_INDENT(2));
    printf("    %s ", what);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        table_text(stdout, line);
        fputs("\n    ", stdout);
    }
    putchar('\n');
    free(text);
}

static void s_tell(const tests_t *self)
{
    size_t i;
    json_t *row;
    json_array_foreach (self->rows, i, row) {
        const char *result = json_string_value(json_object_get(row, "result"));
        if (strcmp(result, "right") == 0)
            continue;
        printf("%s/%s %s\n", json_string_value(json_object_get(row, "format")),
               json_string_value(json_object_get(row, "case")), result);
        s_print("reason", json_object_get(row, "reason"));
        s_print("at", json_object_get(row, "at"));
        s_print("expected", json_object_get(row, "expected"));
        s_print("made", json_object_get(row, "made"));
    }
    printf("%zu cases, %d not as expected\n", json_array_size(self->rows), self->wrong);
}

int format_test_run(ctl_t *ctl)
{
    tests_t self = {.ctl = ctl, .rows = json_array()};
    bool good = chosen_open(&self.chosen, ctl);
    const char *path;
    for (unsigned i = 0; good && (path = ctl_argument(ctl, i)); i++)
        good = s_path(&self, path);
    if (ctl_json(ctl)) {
        json_t *all = json_pack("{s:O}", "cases", self.rows);
        table_json(all);
        json_decref(all);
    } else {
        s_tell(&self);
    }
    json_decref(self.rows);
    chosen_free(&self.chosen);
    return good && self.wrong == 0 ? CTL_OK : CTL_REFUSED;
}
