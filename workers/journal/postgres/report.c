#include "workers/journal/postgres/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *s_steps, *s_rows; /* NULL: not JSON; nothing found */
static const char *s_name;       /* of the rows */

void report_as_json(void)
{
    s_steps = json_array();
}

void report_line(const char *line)
{
    if (s_steps)
        json_array_append_new(s_steps, json_string(line));
    else
        puts(line);
}

static void s_row(const char *name, json_t *row)
{
    s_name = name;
    s_rows = s_rows ? s_rows : json_array();
    if (!row || json_array_append_new(s_rows, row) != 0)
        abort();
}

static json_t *s_text(slice_t text)
{
    json_t *made = text.len ? json_stringn(text.data, text.len) : NULL;
    return made ? made : json_null();
}

void report_found(const schema_found_t *found)
{
    char line[1024];
    schema_found_line(found, line, sizeof line);
    report_line(line);
    if (s_steps && found->what)
        s_row("checks", json_pack("{s:s?, s:s, s:s, s:o, s:s?}", "cluster", found->cluster, "state",
                                  found->state, "what", found->what, "is", s_text(found->is),
                                  "todo", found->todo));
}

void report_shard(const shard_found_t *found)
{
    static const char *const states[] = {"lives", "moves", "nowhere"};
    char line[512];
    bool lives = found->state == SHARD_LIVES;
    shard_found_line(found, line, sizeof line);
    report_line(line);
    if (s_steps)
        s_row("shards",
              json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "kind",
                        op_owner_name(found->kind), "index", (int)found->shard, "state",
                        states[found->state], "cluster",
                        lives ? s_text(found->cluster) : json_null(), "from",
                        lives ? json_null() : s_text(found->cluster), "to", s_text(found->to),
                        "holder", s_text(found->holder), "epoch", (json_int_t)found->epoch, "bytes",
                        (json_int_t)found->bytes, "records", (json_int_t)found->records));
}

void report_end(void)
{
    if (!s_steps)
        return;
    json_t *all = json_pack("{s:o}", "steps", s_steps);
    if (s_rows)
        json_object_set_new(all, s_name, s_rows);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
    s_steps = s_rows = NULL;
}
