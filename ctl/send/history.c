/* posternctl history …: reads messages back, page by page. */
#include "ctl/command.h"
#include "ctl/send/call.h"
#include "ctl/send/shown.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    HISTORY_PAGE = 100,
    HISTORY_FOLLOW_MS = 500,
    HISTORY_LAST = 1000000,
    HISTORY_FOUND = 100, /* messages that a search shows without --last */
};

typedef struct {
    ctl_t *ctl;
    call_t *call;
    uint64_t from; /* the next sequence; 0: the oldest */
    uint64_t left; /* messages still to show */
    uint64_t last; /* messages to begin with, the newest; 0: from FROM on */
    bool follow, search;
    json_t *narrow; /* parameters of every page: times, a phrase, a sender */
    json_t *all;    /* collects for --json without --follow */
} history_t;

static void s_take(history_t *self, json_t *row)
{
    self->from = (uint64_t)json_integer_value(json_object_get(row, "sequence")) + 1;
    self->left--;
    if (self->all) {
        json_array_append(self->all, row);
    } else if (ctl_json(self->ctl)) {
        table_json_line(row);
    } else {
        shown_message(row, NULL, false);
    }
}

/* A page of at most LEFT messages, from the sequence that NAME stands for (0: from the end). NULL
 * after the error was shown. */
static json_t *s_get(history_t *self, uint64_t left, const char *order, const char *name,
                     uint64_t sequence)
{
    json_int_t limit = left < HISTORY_PAGE ? (json_int_t)left : HISTORY_PAGE;
    json_t *params = json_pack("{s:I, s:s}", "limit", limit, "order", order);
    json_object_update(params, self->narrow);
    if (sequence)
        json_object_set_new(params, name, json_integer((json_int_t)sequence));
    json_t *page = call_read(self->call, "GET", params);
    if (!page || !self->search || json_object_get(page, "scanned"))
        return page;
    ctl_error(self->ctl, "failed", "the worker is of a version that cannot search");
    json_decref(page);
    return NULL;
}

/* One page; *more says whether another one waits. Returns an exit status. */
static int s_page(history_t *self, bool *more)
{
    json_t *page = s_get(self, self->left, "asc", "from", self->from), *row;
    json_t *rows = json_object_get(page, "messages");
    size_t i;
    json_array_foreach (rows, i, row)
        if (self->left > 0)
            s_take(self, row);
    fflush(stdout);
    *more = json_array_size(rows) > 0 && json_is_integer(json_object_get(page, "next"));
    int status = page ? CTL_OK : CTL_REFUSED;
    json_decref(page);
    return status;
}

/* The newest LAST, which come newest first and are shown the other way around. */
static int s_last(history_t *self, uint64_t last)
{
    json_t *all = json_array(), *next = NULL;
    int status = CTL_OK;
    bool more = true;
    while (status == CTL_OK && more && json_array_size(all) < last) {
        json_t *page = s_get(self, last - json_array_size(all), "desc", "before",
                             (uint64_t)json_integer_value(next));
        json_array_extend(all, json_object_get(page, "messages"));
        json_decref(next);
        next = json_incref(json_object_get(page, "next"));
        more = json_is_integer(next);
        status = page ? CTL_OK : CTL_REFUSED;
        json_decref(page);
    }
    for (size_t i = json_array_size(all); status == CTL_OK && i > 0; i--)
        s_take(self, json_array_get(all, i - 1));
    fflush(stdout);
    json_decref(next);
    json_decref(all);
    return status;
}

static int s_pages(history_t *self)
{
    int status = CTL_OK;
    bool more = self->last == 0;
    if (self->last)
        status = s_last(self, self->last);
    while (status == CTL_OK && self->left > 0 && (more || self->follow)) {
        if (!more)
            nanosleep(&(struct timespec){.tv_nsec = HISTORY_FOLLOW_MS * 1000000L}, NULL);
        status = s_page(self, &more);
    }
    return status;
}

/* Whether OPTION was given. */
static bool s_narrow_text(history_t *self, const char *option, const char *param)
{
    const char *text = ctl_option(self->ctl, option);
    if (!text)
        return false;
    json_t *value = json_string(text);
    if (!*text || !value) {
        json_decref(value);
        ctl_error(self->ctl, "usage", "%s takes a text in UTF-8", option);
        exit(CTL_USAGE);
    }
    json_object_set_new(self->narrow, param, value);
    return true;
}

/* The first option that was given of two; NULL: none was. */
static const char *s_given(const ctl_t *ctl, const char *one, const char *other)
{
    return ctl_option(ctl, one) ? one : ctl_option(ctl, other) ? other : NULL;
}

/* Options that do not go together; NULL: all do. */
static const char *s_clash(const history_t *self)
{
    if (self->search && (self->follow || s_given(self->ctl, "--from", "--limit")))
        return "--search and --sender take --last, --since and --until";
    if (self->last && s_given(self->ctl, "--from", "--limit"))
        return "--last is in place of --from and --limit";
    if (self->follow && ctl_option(self->ctl, "--until"))
        return "--follow has no end, and goes without --until";
    return NULL;
}

static void s_read_options(history_t *self)
{
    ctl_t *ctl = self->ctl;
    self->follow = ctl_option(ctl, "--follow") != NULL;
    self->from = ctl_number(ctl, "--from", 0, 0, INT64_MAX);
    self->left = ctl_number(ctl, "--limit", UINT64_MAX, 1, INT64_MAX);
    self->last = ctl_number(ctl, "--last", 0, 1, HISTORY_LAST);
    call_time(ctl, "--since", "since", self->narrow);
    call_time(ctl, "--until", "until", self->narrow);
    s_narrow_text(self, "--thread", "thread");
    self->search = s_narrow_text(self, "--search", "q");
    self->search |= s_narrow_text(self, "--sender", "sender");
    const char *clash = s_clash(self);
    if (clash) {
        ctl_error(ctl, "usage", "%s", clash);
        exit(CTL_USAGE);
    }
    if (self->search && !self->last)
        self->last = HISTORY_FOUND;
}

static int s_read(history_t *self)
{
    if (self->follow || self->search || self->left > HISTORY_PAGE || self->last > HISTORY_PAGE)
        call_follow(self->call);
    if (ctl_json(self->ctl) && !self->follow)
        self->all = json_array();
    int status = s_pages(self);
    if (self->all && status == CTL_OK) {
        json_t *all = json_pack("{s:O}", "messages", self->all);
        table_json(all);
        json_decref(all);
    }
    json_decref(self->all);
    return status;
}

int history_run(ctl_t *ctl)
{
    history_t self = {.ctl = ctl, .narrow = json_object()};
    s_read_options(&self);
    self.call = call_new(ctl);
    int status = self.call ? s_read(&self) : CTL_REFUSED;
    call_destroy(&self.call);
    json_decref(self.narrow);
    return status;
}
