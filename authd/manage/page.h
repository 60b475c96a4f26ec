/* A page of a list: {KEY: [...], "next": where to go on after, or null}. The list walks its rows by
 * id, from page_after on, and asks of each that may be shown page_wants, then page_add; of any
 * other it calls page_skip. These end the walk by false. In another order than by id the list is
 * walked twice (page_again): first the rows that come next are chosen by their places, then these
 * are shown. A place is what the order is by, and the id: rows that come and go move none of the
 * others.
 *
 *     do
 *         for (… more = next(page_after(&page)) …)
 *             if (shown ? page_wants(&page, &id, &key) && !page_add(&page, &id, row)
 *                       : !page_skip(&page, &id))
 *                 break;
 *     while (page_again(&page));
 *     return page_end(&page, task);
 *
 * Private to authd/manage. Threading: the task's. */
#ifndef POSTERN_AUTHD_MANAGE_PAGE_H
#define POSTERN_AUTHD_MANAGE_PAGE_H

#include "authd/manage/task.h"
#include "common/base/cursor.h"

enum {
    PAGE_ROWS = 100, /* without a limit */
    PAGE_MOST = 1000,
    PAGE_SKIPS = 2000,   /* rows passed over, after which a page ends: others wait */
    PAGE_SORTED = 20000, /* most rows of a list that is put in order */
    PAGE_TEXT = 64,      /* so many bytes of a name count for the order */
};

/* What a list may be asked to be sorted by, beside created, which is by id. */
enum {
    PAGE_BY_NAME = 1 << 1,
    PAGE_BY_EMAIL = 1 << 2,
    PAGE_BY_LAST_USED = 1 << 3,
    PAGE_BY_LAST_LOGIN = 1 << 4,
    PAGE_BY_ACCOUNT = 1 << 5,
};

/* The fields of an operation that answers a page. */
#define PAGE_FIELDS                                                                                \
    {"limit", FIELD_UINT, false, 1, PAGE_MOST}, {"after", FIELD_TEXT, false, 1, CURSOR_TEXT - 1},  \
        {"sort", FIELD_TEXT, false, 1, 16},                                                        \
    {                                                                                              \
        "order", FIELD_TEXT, false, 1, 8                                                           \
    }

/* What a row has of that by which lists are sorted; text: its name or address, whatever page->by
 * says; used_ms: 0: never. */
typedef struct {
    slice_t text;
    uint64_t used_ms;
} page_key_t;

typedef struct {
    uint8_t bytes[CURSOR_PLACE];
    json_t *row;
} page_place_t;

typedef struct page page_t;
struct page {
    const char *key;
    char list[64]; /* its name and order, for the cursor */
    json_t *rows;
    uint64_t limit;
    size_t bytes;
    uuid_t7 after, last;
    unsigned skipped;
    bool from_start, more;
    bool plain; /* set after begin: its rows are no objects that are edited, and get no etag */
    /* Of a page that is put in order: */
    bool sorted, desc, chosen, too_long;
    unsigned by;
    uint8_t from[CURSOR_PLACE];
    page_place_t *places;
    size_t len, room, place_len, at; /* at: which of the chosen page_wants was asked for last */
};

/* Reads limit, after, sort and order; SORTS: those of PAGE_BY_… that the list has. An error has no
 * page to end. */
error_code_t page_begin(page_t *self, task_t *task, const char *key, unsigned sorts);
/* The key of a person. */
page_key_t page_key_of_user(const page_t *self, const user_t *user);
/* Where to go on after; NULL: at the start. */
const uuid_t7 *page_after(const page_t *self);
/* Whether the row is to be added. */
bool page_wants(page_t *self, const uuid_t7 *id, const page_key_t *key);
/* False when the page is full: then ROW, which is the page's in any case, is not on it. */
bool page_add(page_t *self, const uuid_t7 *id, json_t *row);
/* False when so much was passed over that the page has to end. */
bool page_skip(page_t *self, const uuid_t7 *id);
/* The walk ended early: of a page in the order of ids the next one goes on. */
void page_cut(page_t *self, bool cut);
bool page_again(page_t *self);
/* Sets the result, or refuses what is too long to be put in order. */
error_code_t page_end(page_t *self, task_t *task);

#endif
