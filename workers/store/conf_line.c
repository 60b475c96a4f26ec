#include "workers/store/conf_line.h"

#include "common/base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONF_BYTES = 1 << 20 };

static char *s_read(const char *path)
{
    FILE *from = path ? fopen(path, "r") : NULL;
    char *text = malloc(CONF_BYTES);
    if (!text)
        abort();
    size_t len = from ? fread(text, 1, CONF_BYTES - 1, from) : 0;
    text[len] = '\0';
    if (from)
        fclose(from);
    if (len > 0 && len < CONF_BYTES - 1)
        return text;
    free(text);
    return NULL;
}

/* Where the value of "    KIND = VALUE" in the section shards begins and ends; false when there is
 * no such line, or more than one. */
static bool s_find(char *text, const char *kind, char **begin, char **end)
{
    unsigned found = 0;
    bool inside = false;
    for (char *line = (char *)utf8_unmarked(slice_of(text)).data; *line;) {
        size_t len = strcspn(line, "\n");
        char *at = line + strspn(line, " \t");
        if (at == line && len > 0 && *line != '#' && *line != '\r')
            inside = len >= 6 && strncmp(line, "shards", 6) == 0 &&
                     (len == 6 || isspace((unsigned char)line[6]));
        size_t name = strlen(kind);
        if (inside && at != line && strncmp(at, kind, name) == 0 && strspn(at + name, " \t=") > 0 &&
            memchr(at, '=', len - (size_t)(at - line))) {
            *begin = at + name + strspn(at + name, " \t=\"");
            *end = *begin + strspn(*begin, "0123456789");
            found += *end > *begin;
        }
        line += len + (line[len] == '\n');
    }
    return found == 1;
}

static void s_tell(const keeper_t *self, const char *kind, unsigned shards, const char *where)
{
    keeper_say(self, "Set shards.%s to %u %s: in the section shards the line\n    %s = %u", kind,
               shards, where, kind, shards);
    json_object_set_new(self->reply, "set", json_sprintf("shards.%s=%u", kind, shards));
}

void conf_line_set(const keeper_t *self, const char *kind, unsigned shards)
{
    char *begin, *end, name[64], err[512];
    char *text = s_read(self->conf_path);
    if (!text || !s_find(text, kind, &begin, &end)) {
        s_tell(self, kind, shards, "in your configuration before you start anything");
        free(text);
        return;
    }
    char *changed = malloc(CONF_BYTES + 32);
    if (!changed)
        abort();
    int len =
        snprintf(changed, CONF_BYTES + 32, "%.*s%u%s", (int)(begin - text), text, shards, end);
    int rc = keeper_write(self->conf_path, changed, (size_t)len);
    if (rc != 0)
        s_tell(self, kind, shards, "in your configuration, which cannot be written");
    free(changed);
    free(text);
    snprintf(name, sizeof name, "shards");
    conf_t *conf = rc == 0 ? conf_load(self->conf_path, err, sizeof err) : NULL;
    if (conf && conf_uint(conf, conf_setting(name, kind)) != shards)
        s_tell(self, kind, shards, "in the environment, which speaks before the file");
    else if (rc == 0)
        keeper_say(self, "Changed %s: shards.%s is %u now.", self->conf_path, kind, shards);
    conf_destroy(&conf);
}
