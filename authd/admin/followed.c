#include "authd/admin/followed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    followed_page_t began; /* origin 0: free */
    int64_t noted_ms, used_ms;
} reading_t;

struct followed {
    reading_t readings[FOLLOWED_MOST];
};

followed_t *followed_new(void)
{
    followed_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    return self;
}

void followed_destroy(followed_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

static bool s_number(const json_t *value, uint64_t *number)
{
    char *end;
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        *number = (uint64_t)json_integer_value(value);
        return json_integer_value(value) >= 0;
    }
    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

bool followed_place(const json_t *args, followed_page_t *page)
{
    const char *order = json_string_value(json_object_get(args, "order"));
    page->backwards = order && strcmp(order, "desc") == 0;
    page->start = page->backwards ? UINT64_MAX : 0;
    const json_t *place = json_object_get(args, page->backwards ? "before" : "from");
    return !place || s_number(place, &page->start);
}

static bool s_is_of(const followed_page_t *began, const followed_page_t *page)
{
    return began->origin == page->origin && began->op == page->op &&
           began->environment == page->environment && began->backwards == page->backwards &&
           uuid_eq(&began->target, &page->target);
}

static reading_t *s_find(followed_t *self, const followed_page_t *page)
{
    for (unsigned i = 0; i < FOLLOWED_MOST; i++)
        if (s_is_of(&self->readings[i].began, page))
            return &self->readings[i];
    return NULL;
}

bool followed_has(followed_t *self, const followed_page_t *page, int64_t now_ms)
{
    reading_t *reading = s_find(self, page);
    if (!reading || now_ms - reading->noted_ms >= FOLLOWED_MS)
        return false;
    uint64_t began = reading->began.start;
    bool behind = page->backwards ? page->start <= began : page->start >= began;
    if (behind)
        reading->used_ms = now_ms;
    return behind;
}

static reading_t *s_oldest(followed_t *self)
{
    reading_t *oldest = self->readings;
    for (unsigned i = 1; i < FOLLOWED_MOST; i++)
        if (self->readings[i].used_ms < oldest->used_ms)
            oldest = &self->readings[i];
    return oldest;
}

void followed_note(followed_t *self, const followed_page_t *page, int64_t now_ms)
{
    reading_t *reading = s_find(self, page);
    if (!reading)
        reading = s_oldest(self);
    *reading = (reading_t){.began = *page, .noted_ms = now_ms, .used_ms = now_ms};
}
