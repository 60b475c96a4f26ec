#include "authd/usage.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_LEAST = 256 };

typedef struct {
    uuid_t7 token; /* nil: free */
    uint64_t last_ms, count;
    uint8_t address_len, target_len;
    char address[TOKEN_ADDRESS_MOST], target[TOKEN_TARGET_MOST];
} row_t;

/* Rows by token: open addressing, linear probing. */
typedef struct {
    row_t *rows;
    unsigned room, len;
} gathering_t;

struct usage {
    gathering_t gathering; /* the main thread's */
    gathering_t offered;   /* the writer's while HANDED, else the main thread's and empty */
    pthread_mutex_t lock;  /* of handed */
    bool handed;
};

static void s_room(gathering_t *self, unsigned room)
{
    self->rows = calloc(room, sizeof *self->rows);
    if (!self->rows)
        abort();
    self->room = room;
    self->len = 0;
}

usage_t *usage_new(void)
{
    usage_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    s_room(&self->gathering, ROWS_LEAST);
    s_room(&self->offered, ROWS_LEAST);
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void usage_destroy(usage_t **self_p)
{
    usage_t *self = *self_p;
    if (!self)
        return;
    free(self->gathering.rows);
    free(self->offered.rows);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static row_t *s_row(gathering_t *self, const uuid_t7 *token)
{
    uint32_t hash;
    memcpy(&hash, token->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    unsigned i = hash & (self->room - 1);
    while (!uuid_is_nil(&self->rows[i].token) && !uuid_eq(&self->rows[i].token, token))
        i = (i + 1) & (self->room - 1);
    return &self->rows[i];
}

static void s_grow(gathering_t *self)
{
    gathering_t old = *self;
    s_room(self, 2 * old.room);
    for (unsigned i = 0; i < old.room; i++)
        if (!uuid_is_nil(&old.rows[i].token)) {
            *s_row(self, &old.rows[i].token) = old.rows[i];
            self->len++;
        }
    free(old.rows);
}

static uint8_t s_copy(char *to, size_t most, slice_t from)
{
    size_t len = from.len < most ? from.len : most;
    if (len)
        memcpy(to, from.data, len);
    return (uint8_t)len;
}

void usage_note(usage_t *self, const uuid_t7 *token, uint64_t wall_ms, unsigned count,
                slice_t address, slice_t target)
{
    gathering_t *to = &self->gathering;
    row_t *row = s_row(to, token);
    if (uuid_is_nil(&row->token)) {
        if (to->len >= to->room / 2) {
            s_grow(to);
            row = s_row(to, token);
        }
        row->token = *token;
        row->count = 0;
        to->len++;
    }
    row->last_ms = wall_ms;
    row->count += count;
    row->address_len = s_copy(row->address, sizeof row->address, address);
    row->target_len = s_copy(row->target, sizeof row->target, target);
}

void usage_hand_over(usage_t *self)
{
    if (self->gathering.len == 0)
        return;
    pthread_mutex_lock(&self->lock);
    if (!self->handed) {
        gathering_t full = self->gathering;
        self->gathering = self->offered;
        self->offered = full;
        self->handed = true;
    }
    pthread_mutex_unlock(&self->lock);
}

unsigned usage_take(usage_t *self, void (*each)(void *arg, const uuid_t7 *id, const token_use_t *),
                    void *arg)
{
    pthread_mutex_lock(&self->lock);
    bool handed = self->handed;
    pthread_mutex_unlock(&self->lock);
    if (!handed)
        return 0;
    gathering_t *from = &self->offered;
    for (unsigned i = 0; i < from->room; i++) {
        const row_t *row = &from->rows[i];
        if (!uuid_is_nil(&row->token))
            each(arg, &row->token,
                 &(token_use_t){row->last_ms, row->count, slice(row->address, row->address_len),
                                slice(row->target, row->target_len)});
    }
    unsigned count = from->len;
    memset(from->rows, 0, from->room * sizeof *from->rows);
    from->len = 0;
    pthread_mutex_lock(&self->lock);
    self->handed = false;
    pthread_mutex_unlock(&self->lock);
    return count;
}
