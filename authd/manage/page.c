#include "authd/manage/page.h"

#include "authd/manage/etag.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 512 << 10, TIME = 8 };

static const struct {
    const char *name;
    unsigned by;
} s_sorts[] = {{"created", 0},
               {"name", PAGE_BY_NAME},
               {"email", PAGE_BY_EMAIL},
               {"account", PAGE_BY_ACCOUNT},
               {"last_used", PAGE_BY_LAST_USED},
               {"last_login", PAGE_BY_LAST_LOGIN}};
enum { SORTS = sizeof s_sorts / sizeof *s_sorts };

static bool s_has(unsigned sorts, unsigned i)
{
    return s_sorts[i].by == 0 || (sorts & s_sorts[i].by);
}

/* Names those that the list has. */
static error_code_t s_refuse_sort(task_t *task, unsigned sorts)
{
    char text[80] = "";
    json_t *allowed = json_array();
    for (unsigned i = 0; i < SORTS; i++) {
        if (!s_has(sorts, i))
            continue;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? " or " : "",
                 s_sorts[i].name);
        json_array_append_new(allowed, json_string(s_sorts[i].name));
    }
    task_detail(task, "allowed", allowed);
    return task_because(task, task_field(task, ERROR_invalid_param, "sort", "must be %s.", text),
                        REASON_shape);
}

static error_code_t s_read_order(page_t *self, task_t *task, unsigned sorts)
{
    slice_t sort = task_text(task, "sort"), order = task_text(task, "order");
    unsigned i = 0;
    while (sort.len && i < SORTS && !(s_has(sorts, i) && slice_is(sort, s_sorts[i].name)))
        i++;
    if (i == SORTS)
        return s_refuse_sort(task, sorts);
    self->desc = slice_is(order, "desc");
    if (order.len && !self->desc && !slice_is(order, "asc"))
        return task_because(task,
                            task_field(task, ERROR_invalid_param, "order", "must be asc or desc."),
                            REASON_shape);
    self->by = s_sorts[i].by;
    self->sorted = self->by || self->desc;
    self->place_len = UUID_BYTES;
    if (self->by)
        self->place_len +=
            self->by & (PAGE_BY_NAME | PAGE_BY_EMAIL | PAGE_BY_ACCOUNT) ? PAGE_TEXT : TIME;
    snprintf(self->list, sizeof self->list, "%s %s %s", op_find(task->op)->name, s_sorts[i].name,
             self->desc ? "desc" : "asc");
    return ERROR_none;
}

/* A cursor, or the id that a page gave before there were cursors. */
static error_code_t s_read_after(page_t *self, task_t *task)
{
    slice_t after = task_text(task, "after");
    self->from_start = after.len == 0;
    if (after.len == 0)
        return ERROR_none;
    bool read = cursor_read(slice_of(self->list), after, self->from) == self->place_len;
    if (read && !self->sorted)
        memcpy(self->after.bytes, self->from, UUID_BYTES);
    if (read || (!self->sorted && uuid_parse(after.data, after.len, &self->after) == 0))
        return ERROR_none;
    return task_because(task,
                        task_field(task, ERROR_invalid_param, "after",
                                   "must be the next that this list gave, in the same order."),
                        REASON_shape);
}

error_code_t page_begin(page_t *self, task_t *task, const char *key, unsigned sorts)
{
    *self = (page_t){.key = key, .limit = task_uint(task, "limit", PAGE_ROWS)};
    error_code_t code = s_read_order(self, task, sorts);
    if (code == ERROR_none)
        code = s_read_after(self, task);
    if (code == ERROR_none)
        self->rows = json_array();
    return code;
}

const uuid_t7 *page_after(const page_t *self)
{
    return self->from_start || self->sorted ? NULL : &self->after;
}

page_key_t page_key_of_user(const page_t *self, const user_t *user)
{
    return (page_key_t){.text = self->by == PAGE_BY_NAME ? user->name : user->email};
}

/* Bytes that are in the order that was asked for: of desc, their complement. */
static void s_place(const page_t *self, const uuid_t7 *id, const page_key_t *key,
                    uint8_t place[CURSOR_PLACE])
{
    size_t head = self->place_len - UUID_BYTES;
    memset(place, 0, CURSOR_PLACE);
    if (head == TIME)
        for (unsigned i = 0; i < TIME; i++)
            place[i] = (uint8_t)(key->used_ms >> (8 * (TIME - 1 - i)));
    for (size_t i = 0; head == PAGE_TEXT && i < key->text.len && i < head; i++) {
        char c = key->text.data[i];
        place[i] = (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    memcpy(place + head, id->bytes, UUID_BYTES);
    for (size_t i = 0; self->desc && i < self->place_len; i++)
        place[i] = (uint8_t)~place[i];
}

static int s_compare(const void *a, const void *b)
{
    return memcmp(((const page_place_t *)a)->bytes, ((const page_place_t *)b)->bytes, CURSOR_PLACE);
}

static bool s_is_past(page_t *self)
{
    self->too_long |= ++self->skipped > PAGE_SORTED;
    return self->too_long;
}

static void s_choose(page_t *self, const page_place_t *place)
{
    if (!self->from_start && memcmp(place->bytes, self->from, self->place_len) <= 0)
        return;
    if (self->len == self->room) {
        self->room = self->room ? 2 * self->room : 128;
        self->places = realloc(self->places, self->room * sizeof *self->places);
        if (!self->places)
            abort();
    }
    self->places[self->len++] = *place;
}

static page_place_t *s_chosen(page_t *self, const page_place_t *place)
{
    return self->len ? bsearch(place, self->places, self->len, sizeof *place, s_compare) : NULL;
}

bool page_wants(page_t *self, const uuid_t7 *id, const page_key_t *key)
{
    page_place_t place = {.row = NULL};
    if (!self->sorted)
        return true;
    s_place(self, id, key, place.bytes);
    if (self->chosen) {
        page_place_t *chosen = s_chosen(self, &place);
        self->at = chosen ? (size_t)(chosen - self->places) : 0;
        return chosen != NULL;
    }
    if (s_is_past(self))
        return true; /* and page_add ends the walk */
    s_choose(self, &place);
    return false;
}

static size_t s_bytes(const json_t *row)
{
    return json_dumpb(row, NULL, 0, JSON_COMPACT) + 1;
}

bool page_add(page_t *self, const uuid_t7 *id, json_t *row)
{
    if (self->sorted && self->too_long) {
        json_decref(row);
        return false;
    }
    if (!self->plain)
        etag_add(row);
    if (self->sorted) {
        self->places[self->at].row = row;
        return true;
    }
    size_t bytes = s_bytes(row);
    if (json_array_size(self->rows) >= self->limit || self->bytes + bytes > PAGE_BYTES) {
        json_decref(row);
        self->more = true;
        return false;
    }
    json_array_append_new(self->rows, row);
    self->bytes += bytes;
    self->last = *id;
    return true;
}

bool page_skip(page_t *self, const uuid_t7 *id)
{
    if (self->sorted)
        return self->chosen || !s_is_past(self);
    self->last = *id;
    self->more = ++self->skipped == PAGE_SKIPS;
    return !self->more;
}

void page_cut(page_t *self, bool cut)
{
    if (self->sorted)
        self->too_long |= cut;
    else
        self->more |= cut;
}

bool page_again(page_t *self)
{
    if (!self->sorted || self->chosen || self->too_long)
        return false;
    if (self->len)
        qsort(self->places, self->len, sizeof *self->places, s_compare);
    self->more = self->len > self->limit;
    if (self->more)
        self->len = self->limit;
    self->chosen = true;
    return self->len > 0;
}

static json_t *s_next(const page_t *self, slice_t place)
{
    char text[CURSOR_TEXT];
    if (!self->more)
        return json_null();
    cursor_write(slice_of(self->list), place, text);
    return json_string(text);
}

/* Those that were chosen, as many as fit. */
static json_t *s_gather(page_t *self)
{
    size_t i = 0;
    for (; i < self->len && self->bytes <= PAGE_BYTES; i++) {
        json_t *row = self->places[i].row;
        self->places[i].row = NULL;
        assert(row);
        self->bytes += s_bytes(row);
        json_array_append_new(self->rows, row);
    }
    self->more |= i < self->len;
    if (i == 0)
        return json_null();
    return s_next(self, slice((const char *)self->places[i - 1].bytes, self->place_len));
}

static void s_free(page_t *self)
{
    for (size_t i = 0; i < self->len; i++)
        json_decref(self->places[i].row);
    free(self->places);
    self->places = NULL;
}

error_code_t page_end(page_t *self, task_t *task)
{
    if (self->too_long) {
        s_free(self);
        json_decref(self->rows);
        task_detail(task, "limit", json_integer(PAGE_SORTED));
        return task_field(task, ERROR_invalid_param, "sort",
                          "the list is longer than the %d rows that are put in order. Narrow it, "
                          "or leave sort and order out.",
                          PAGE_SORTED);
    }
    json_t *next = self->sorted ? s_gather(self)
                                : s_next(self, slice((const char *)self->last.bytes, UUID_BYTES));
    task->result = json_pack("{s:o, s:o}", self->key, self->rows, "next", next);
    s_free(self);
    return ERROR_none;
}
