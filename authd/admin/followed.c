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

/* The parameters that say how much of it is asked for, and in what steps. */
static bool s_is_step(const char *name)
{
    static const char *const steps[] = {"follow", "from", "before", "after", "order", "limit"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(steps[i], name) == 0)
            return true;
    return false;
}

static bool s_narrowed(const json_t *args, char text[FOLLOWED_TEXT])
{
    json_t *rest = json_object(), *value;
    const char *name;
    json_object_foreach ((json_t *)args, name, value)
        if (!s_is_step(name))
            json_object_set(rest, name, value);
    size_t len = json_dumpb(rest, text, FOLLOWED_TEXT - 1, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(rest);
    if (len < FOLLOWED_TEXT)
        text[len] = '\0';
    return len > 0 && len < FOLLOWED_TEXT;
}

bool followed_place(const json_t *args, followed_page_t *page)
{
    const char *order = json_string_value(json_object_get(args, "order"));
    page->backwards = order && strcmp(order, "desc") == 0;
    page->start = page->backwards ? UINT64_MAX : 0;
    const json_t *place = json_object_get(args, page->backwards ? "before" : "from");
    if (!place && !json_object_get(args, "q")) /* of a search it goes back without order */
        place = json_object_get(args, "after");
    return (!place || s_number(place, &page->start)) && s_narrowed(args, page->narrowed);
}

static bool s_is_of(const followed_page_t *began, const followed_page_t *page)
{
    return began->origin == page->origin && began->op == page->op &&
           began->environment == page->environment && began->backwards == page->backwards &&
           uuid_eq(&began->target, &page->target) && strcmp(began->narrowed, page->narrowed) == 0;
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
