#include "workers/post/source_book.h"

#include "common/base/clock.h"
#include "common/base/map.h"

#include <stdio.h>

enum { REASON = 200, ADDRESS = 64, NAMES = 480 };

typedef struct {
    int64_t time_ms;
    char reason[REASON], address[ADDRESS];
    unsigned names_len;
    char names[NAMES]; /* with a NUL behind each */
} refusal_t;

typedef struct {
    UT_hash_handle hh; /* in the order of their last events, the most silent first */
    book_key_t key;
    uint64_t counts[BOOK_OUTCOMES];
    int64_t last_ms;
    refusal_t *refusals; /* BOOK_REFUSALS, in turn; NULL until the first */
    uint64_t refused;
} page_t;

struct source_book {
    page_t *pages; /* a map by key */
    int64_t since_ms;
};

source_book_t *source_book_new(int64_t wall_ms)
{
    source_book_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->since_ms = wall_ms;
    return self;
}

static void s_forget(source_book_t *self, page_t *page)
{
    HASH_DEL(self->pages, page);
    free(page->refusals);
    free(page);
}

void source_book_destroy(source_book_t **self_p)
{
    source_book_t *self = *self_p;
    if (!self)
        return;
    while (self->pages)
        s_forget(self, self->pages);
    free(self);
    *self_p = NULL;
}

/* The source's page, which becomes the last. */
static page_t *s_turn_to(source_book_t *self, const book_key_t *key)
{
    page_t *page;
    HASH_FIND(hh, self->pages, key, sizeof *key, page);
    if (page && !page->hh.next)
        return page;
    if (page) {
        HASH_DEL(self->pages, page);
    } else {
        if (HASH_COUNT(self->pages) == BOOK_SOURCES)
            s_forget(self, self->pages);
        page = calloc(1, sizeof *page);
        if (!page)
            abort();
        page->key = *key;
    }
    HASH_ADD(hh, self->pages, key, sizeof page->key, page);
    return page;
}

void source_book_count(source_book_t *self, const book_key_t *key, book_outcome_t outcome,
                       int64_t wall_ms)
{
    page_t *page = s_turn_to(self, key);
    page->counts[outcome]++;
    page->last_ms = wall_ms;
}

/* As many of the names as there is room for. */
static void s_keep_names(refusal_t *refusal, slice_t headers)
{
    slice_t name, value;
    refusal->names_len = 0;
    wire_pairs_t each = wire_pairs_begin(headers);
    while (wire_pairs_next(&each, &name, &value)) {
        if (name.len == 0 || *name.data == ':' || refusal->names_len + name.len + 1 > NAMES)
            continue;
        memcpy(refusal->names + refusal->names_len, name.data, name.len);
        refusal->names_len += (unsigned)name.len;
        refusal->names[refusal->names_len++] = '\0';
    }
}

void source_book_refuse(source_book_t *self, const book_key_t *key, const book_refusal_t *refusal,
                        int64_t wall_ms)
{
    source_book_count(self, key, BOOK_REFUSED, wall_ms);
    page_t *page = s_turn_to(self, key);
    if (!page->refusals)
        page->refusals = calloc(BOOK_REFUSALS, sizeof *page->refusals);
    if (!page->refusals)
        abort();
    refusal_t *kept = &page->refusals[page->refused++ % BOOK_REFUSALS];
    kept->time_ms = wall_ms;
    snprintf(kept->reason, sizeof kept->reason, "%s", refusal->reason);
    snprintf(kept->address, sizeof kept->address, "%.*s", SLICE_ARG(refusal->address));
    s_keep_names(kept, refusal->headers);
}

static void s_write_time(json_out_t *out, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT];
    clock_text(ms, text);
    json_lit(out, name);
    json_quote(out, slice_of(text));
}

static void s_write_refusal(json_out_t *out, const refusal_t *refusal)
{
    s_write_time(out, "{\"time\":", refusal->time_ms);
    json_lit(out, ",\"address\":");
    json_quote(out, slice_of(refusal->address));
    json_lit(out, ",\"reason\":");
    json_quote(out, slice_of(refusal->reason));
    json_lit(out, ",\"headers\":[");
    for (unsigned at = 0; at < refusal->names_len;) {
        slice_t name = slice_of(refusal->names + at);
        json_lit(out, at ? "," : "");
        json_quote(out, name);
        at += (unsigned)name.len + 1;
    }
    json_lit(out, "]}");
}

/* The newest first. */
static void s_write_refusals(json_out_t *out, const page_t *page)
{
    uint64_t kept = page->refused < BOOK_REFUSALS ? page->refused : BOOK_REFUSALS;
    json_lit(out, ",\"refusals\":[");
    for (uint64_t i = 1; i <= kept; i++) {
        json_lit(out, i > 1 ? "," : "");
        s_write_refusal(out, &page->refusals[(page->refused - i) % BOOK_REFUSALS]);
    }
    json_lit(out, "]}");
}

static void s_write_page(json_out_t *out, const page_t *page)
{
    static const char *const names[] = {
        ",\"accepted\":", ",\"filtered\":", ",\"failed\":", ",\"refused\":"};
    char id[UUID_TEXT];
    uuid_text(&page->key.source, id);
    json_lit(out, "{\"id\":");
    json_quote(out, slice_of(id));
    for (unsigned i = 0; i < BOOK_OUTCOMES; i++) {
        json_lit(out, names[i]);
        json_uint(out, page->counts[i]);
    }
    s_write_time(out, ",\"last\":", page->last_ms);
    s_write_refusals(out, page);
}

void source_book_write(const source_book_t *self, const uuid_t7 *target, json_out_t *out)
{
    bool first = true;
    s_write_time(out, "{\"since\":", self->since_ms);
    json_lit(out, ",\"sources\":[");
    for (const page_t *page = self->pages; page; page = page->hh.next) {
        if (!uuid_eq(&page->key.target, target))
            continue;
        json_lit(out, first ? "" : ",");
        s_write_page(out, page);
        first = false;
    }
    json_lit(out, "]}");
}
