/* posternctl format replay: makes messages again of a channel's events that a format failed at. */
#include "ctl/command.h"
#include "ctl/operation.h"
#include "ctl/send/call.h"
#include "ctl/table.h"

static const char *const s_counts[] = {"matched", "done", "already", "dropped", "failed"};
enum { COUNTS = sizeof s_counts / sizeof *s_counts };

typedef struct {
    call_t *call;
    json_t *params;
    json_t *failures;
    json_int_t count[COUNTS];
} replaying_t;

static void s_take(replaying_t *self, const json_t *page)
{
    for (unsigned i = 0; i < COUNTS; i++)
        self->count[i] += json_integer_value(json_object_get(page, s_counts[i]));
    json_array_extend(self->failures, json_object_get(page, "failures"));
}

/* All of it, a page at a time; false after the error was shown. */
static bool s_go(replaying_t *self)
{
    for (;;) {
        json_t *page = call_read(self->call, "POST", json_deep_copy(self->params));
        if (!page)
            return false;
        s_take(self, page);
        json_t *next = json_object_get(page, "next");
        bool more = json_is_integer(next);
        if (more)
            json_object_set(self->params, "from", next);
        json_decref(page);
        if (!more)
            return true;
    }
}

static void s_show(ctl_t *ctl, const replaying_t *self)
{
    json_t *all = json_object();
    for (unsigned i = 0; i < COUNTS; i++)
        json_object_set_new(all, s_counts[i], json_integer(self->count[i]));
    if (ctl_json(ctl)) {
        json_object_set(all, "failures", self->failures);
        table_json(all);
    } else {
        table_fields(all);
        if (json_array_size(self->failures) > 0)
            table_rows(self->failures, "sequence format reason");
    }
    json_decref(all);
}

int format_replay_run(ctl_t *ctl)
{
    int status;
    replaying_t self = {.params = operation_body(ctl, &status)};
    if (!self.params)
        return status;
    if (ctl_option(ctl, "--dry-run"))
        json_object_set_new(self.params, "dry_run", json_string("true"));
    self.failures = json_array();
    self.call = call_new(ctl);
    bool good = self.call && s_go(&self);
    if (good)
        s_show(ctl, &self);
    call_destroy(&self.call);
    json_decref(self.params);
    json_decref(self.failures);
    return good && self.count[COUNTS - 1] == 0 ? CTL_OK : CTL_REFUSED;
}
