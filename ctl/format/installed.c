/* posternctl format add; format list and show of those that the installation keeps. */
#include "ctl/format/installed.h"
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/format/chosen.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>

/* Text of JSON has tabs as white space alone. */
static json_t *s_text(slice_t text)
{
    char *plain = strndup(text.data, text.len);
    if (!plain)
        abort();
    for (char *tab; (tab = strchr(plain, '\t'));)
        *tab = ' ';
    json_t *made = json_string(plain);
    free(plain);
    return made;
}

int format_add_run(ctl_t *ctl)
{
    chosen_t chosen;
    json_t *reply = NULL;
    bool known = false;
    if (chosen_open(&chosen, ctl) && chosen_folder(&chosen, ctl, ctl_argument(ctl, 0))) {
        char *name = strndup(chosen.row->name.data, chosen.row->name.len);
        if (!name)
            abort();
        json_t *before = ctl_ask(ctl, OP_format_show, name);
        known = before != NULL;
        reply = ctl_call(ctl, known ? OP_format_edit : OP_format_create, known ? name : "",
                         json_pack("{s:o}", "format", s_text(chosen.row->text)));
        json_decref(before);
        free(name);
    }
    if (reply && ctl_json(ctl))
        table_json(reply);
    else if (reply)
        puts(known ? "Format replaced: workers have it in a second."
                   : "Format added: workers have it in a second.");
    bool good = reply != NULL;
    json_decref(reply);
    chosen_free(&chosen);
    return good ? CTL_OK : CTL_REFUSED;
}

int installed_list(ctl_t *ctl)
{
    json_t *all = ctl_list(ctl, OP_format_list, "", "formats", NULL);
    if (!all)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        table_json(all);
    else
        table_rows(json_object_get(all, "formats"), "name version created changed");
    json_decref(all);
    return CTL_OK;
}

int installed_show(ctl_t *ctl, const char *name)
{
    json_t *format = ctl_call(ctl, OP_format_show, name, NULL);
    if (!format)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        table_json(format);
    else
        puts(json_string_value(json_object_get(format, "format")));
    json_decref(format);
    return CTL_OK;
}
