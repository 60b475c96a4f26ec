#include "workers/format/markup.h"
#include "workers/format/rules.h"

enum { DEPTH = 4, LOOKS = 400, LABEL = 200 };

typedef struct {
    eval_t *eval;
    const char *const *names; /* the best first */
    bool is_address;
    unsigned looks;
    unsigned best; /* place of the best name so far */
    slice_t found;
} search_t;

static bool s_is_page(slice_t text)
{
    return (text.len > 8 && memcmp(text.data, "https://", 8) == 0) ||
           (text.len > 7 && memcmp(text.data, "http://", 7) == 0);
}

/* Takes the value when its name is a better one than what was found. */
static void s_look(search_t *self, slice_t key, const value_t *value)
{
    if (value->type != VALUE_TEXT || value->text.len == 0 || value->text.len > 2048 ||
        s_is_page(value->text) != self->is_address)
        return;
    for (unsigned i = 0; i < self->best && self->names[i]; i++)
        if (slice_is(key, self->names[i])) {
            self->best = i;
            self->found = value->text;
        }
}

static void s_search(search_t *self, const value_t *value, unsigned depth)
{
    members_t members = value_members(value);
    slice_t key;
    value_t member;
    while (self->best > 0 && self->looks < LOOKS && members_next(&members, &key, &member)) {
        self->looks++;
        s_look(self, key, &member);
        if (depth < DEPTH)
            s_search(self, &member, depth + 1);
    }
}

static slice_t s_find(eval_t *eval, const char *const *names, bool is_address)
{
    search_t search = {.eval = eval, .names = names, .is_address = is_address, .best = 64};
    s_search(&search, &eval->body, 1);
    return search.found;
}

/* At most LABEL characters, on one line. */
static void s_add(text_t *out, const char *before, slice_t text)
{
    shown_t shown = {.value = value_of_text(text)};
    operand_t most = {.kind = OPERAND_NUMBER, .value = value_of_number(LABEL)};
    shown_t arg = {.value = most.value};
    filtering_t in = {out->room, &shown, &arg, &most, 1};
    filter_apply(filter_find(slice_of("line")), &in);
    filter_apply(filter_find(slice_of("cut")), &in);
    if (shown.value.text.len == 0)
        return;
    text_lit(out, before);
    markup_operand(out, &shown, false);
}

void summary_write(eval_t *eval, const format_t *format, slice_t event, const char *fault,
                   text_t *out)
{
    static const char *const what[] = {"title", "subject", "summary",     "headline", "name",
                                       "text",  "message", "description", "status",   NULL};
    static const char *const who[] = {"login",        "username",    "user_name",
                                      "display_name", "displayName", "email",
                                      "user",         "author",      NULL};
    static const char *const where[] = {"html_url", "web_url", "permalink", "url", "link", NULL};
    if (fault[0]) {
        text_lit(out, "⚠ format ");
        text_lit(out, format->sender);
        s_add(out, ": ", slice_of(fault));
        text_char(out, '\n');
    }
    text_char(out, '*');
    markup_escaped(out, slice_of(format_title(format)));
    text_char(out, '*');
    s_add(out, ": ", event);
    s_add(out, " — ", s_find(eval, what, false));
    s_add(out, " by ", s_find(eval, who, false));
    slice_t page = s_find(eval, where, true);
    if (page.len > 0) {
        text_char(out, '\n');
        markup_address(out, page);
    }
}
