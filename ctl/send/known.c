#include "ctl/send/known.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned char bytes[crypto_generichash_BYTES_MIN];
} digest_t;

struct known {
    digest_t *digests;
    bool *taken;
    size_t len, room;
};

known_t *known_new(void)
{
    known_t *self = calloc(1, sizeof *self);
    assert(self);
    return self;
}

void known_destroy(known_t **self_p)
{
    known_t *self = *self_p;
    if (!self)
        return;
    free(self->digests);
    free(self->taken);
    free(self);
    *self_p = NULL;
}

/* The members of an object in an order of their own: a worker keeps them as they were posted. */
static digest_t s_digest(const json_t *row)
{
    digest_t digest;
    json_t *said = json_pack("{s:O?, s:O?, s:O?}", "time", json_object_get(row, "time"), "name",
                             json_object_get(json_object_get(row, "sender"), "name"), "message",
                             json_object_get(row, "message"));
    char *text = json_dumps(said, JSON_COMPACT | JSON_SORT_KEYS);
    assert(text);
    crypto_generichash(digest.bytes, sizeof digest.bytes, (unsigned char *)text, strlen(text), NULL,
                       0);
    free(text);
    json_decref(said);
    return digest;
}

void known_add(known_t *self, const json_t *row)
{
    if (self->len == self->room) {
        self->room = self->room ? 2 * self->room : 1024;
        self->digests = realloc(self->digests, self->room * sizeof *self->digests);
        assert(self->digests);
    }
    self->digests[self->len++] = s_digest(row);
}

static int s_compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(digest_t));
}

void known_sort(known_t *self)
{
    if (self->len > 0)
        qsort(self->digests, self->len, sizeof *self->digests, s_compare);
    self->taken = calloc(self->len + 1, sizeof *self->taken);
    assert(self->taken);
}

bool known_take(known_t *self, const json_t *row)
{
    digest_t digest = s_digest(row);
    size_t low = 0, high = self->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s_compare(&self->digests[middle], &digest) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < self->len && self->taken[low] && s_compare(&self->digests[low], &digest) == 0)
        low++;
    if (low == self->len || s_compare(&self->digests[low], &digest) != 0)
        return false;
    self->taken[low] = true;
    return true;
}
