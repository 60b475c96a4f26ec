#include "authd/judge/usage.h"

#include <endian.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_LEAST = 256 };

typedef struct {
    uuid_t7 token;
    uint64_t last_ms, count;
    const char *kind; /* of the target, a constant text */
    uint8_t address_len, target_len;
    char address[TOKEN_ADDRESS_MOST], target[TOKEN_TARGET_MOST];
} row_t;

/* Rows, one a token and target, in the order in which they came, and an index into them: open
 * addressing, linear probing, the number of a row plus one, 0 when free. */
typedef struct {
    row_t *rows;
    uint32_t *index;
    unsigned len, room; /* the index has twice the room, a power of two */
} gathering_t;

/* A row in the order of writing: rows are long, and sorting moves these alone. */
typedef struct {
    uint64_t first; /* of the token, as a number */
    const row_t *row;
} place_t;

struct usage {
    gathering_t gathering; /* the main thread's */
    gathering_t offered;   /* the writer's while HANDED, else the main thread's and empty */
    place_t *order;        /* of its rows */
    unsigned taken;        /* rows of it that were written */
    pthread_mutex_t lock;  /* of handed */
    bool handed;
};

const char *usage_kind(const op_t *op)
{
    static const struct {
        const char *path, *kind;
    } kinds[] = {{"/channel", "channel"},
                 {"/bots/", "bot"},
                 {"/applications/", "extension"},
                 {"/chats/", "channel"},
                 {"/outlets/", "outlet"},
                 {"/buddies/", "user"},
                 {"/direct/", "user"},
                 {"/extensions/", "extension"},
                 {"/users/", "user"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(op->path, kinds[i].path, strlen(kinds[i].path)) == 0)
            return kinds[i].kind;
    return "";
}

static bool s_is(const row_t *row, const uuid_t7 *token, const char *kind, slice_t target)
{
    return uuid_eq(&row->token, token) && strcmp(row->kind, kind) == 0 &&
           slice_eq(slice(row->target, row->target_len), target);
}

/* FNV-1a of the target, from the random bits of the token. */
static uint32_t *s_place(gathering_t *self, const uuid_t7 *token, const char *kind, slice_t target)
{
    uint32_t at, mask = 2 * self->room - 1;
    memcpy(&at, token->bytes + UUID_BYTES - sizeof at, sizeof at);
    for (size_t i = 0; i < target.len; i++)
        at = (at ^ (uint8_t)target.data[i]) * 16777619u;
    for (at &= mask; self->index[at]; at = (at + 1) & mask)
        if (s_is(&self->rows[self->index[at] - 1], token, kind, target))
            break;
    return &self->index[at];
}

static void s_make_room(gathering_t *self, unsigned room)
{
    free(self->index);
    self->room = room;
    self->rows = realloc(self->rows, room * sizeof *self->rows);
    self->index = calloc(2 * room, sizeof *self->index);
    if (!self->rows || !self->index)
        abort();
    for (unsigned i = 0; i < self->len; i++) {
        const row_t *row = &self->rows[i];
        *s_place(self, &row->token, row->kind, slice(row->target, row->target_len)) = i + 1;
    }
}

static void s_clear(gathering_t *self)
{
    memset(self->index, 0, 2 * self->room * sizeof *self->index);
    self->len = 0;
}

static void s_free(gathering_t *self)
{
    free(self->rows);
    free(self->index);
}

usage_t *usage_new(void)
{
    usage_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    s_make_room(&self->gathering, ROWS_LEAST);
    s_make_room(&self->offered, ROWS_LEAST);
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void usage_destroy(usage_t **self_p)
{
    usage_t *self = *self_p;
    if (!self)
        return;
    s_free(&self->gathering);
    s_free(&self->offered);
    free(self->order);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

static uint8_t s_copy(char *to, size_t most, slice_t from)
{
    size_t len = from.len < most ? from.len : most;
    if (len)
        memcpy(to, from.data, len);
    return (uint8_t)len;
}

/* The row of a token on a target; a new one counts nothing yet. */
static row_t *s_row(gathering_t *self, const uuid_t7 *token, const char *kind, slice_t target)
{
    uint32_t *place = s_place(self, token, kind, target);
    if (*place)
        return &self->rows[*place - 1];
    if (self->len == self->room) {
        s_make_room(self, 2 * self->room);
        place = s_place(self, token, kind, target);
    }
    row_t *row = &self->rows[self->len++];
    row->token = *token;
    row->kind = kind;
    row->count = 0;
    row->target_len = s_copy(row->target, sizeof row->target, target);
    *place = self->len;
    return row;
}

void usage_note(usage_t *self, const uuid_t7 *token, uint64_t wall_ms, unsigned count,
                slice_t address, const char *kind, slice_t target)
{
    slice_t kept =
        slice(target.data, target.len < TOKEN_TARGET_MOST ? target.len : TOKEN_TARGET_MOST);
    row_t *row = s_row(&self->gathering, token, kind, kept);
    row->last_ms = wall_ms;
    row->count += count;
    row->address_len = s_copy(row->address, sizeof row->address, address);
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

/* A token's rows in the order of their last use. */
static int s_by_token(const void *a, const void *b)
{
    const place_t *one = a, *other = b;
    if (one->first != other->first)
        return one->first < other->first ? -1 : 1;
    int order = memcmp(one->row->token.bytes, other->row->token.bytes, UUID_BYTES);
    return order ? order
                 : (one->row->last_ms > other->row->last_ms) -
                       (one->row->last_ms < other->row->last_ms);
}

/* In the order of the table they are written to: neighbours share its pages. */
static void s_sort(usage_t *self)
{
    const gathering_t *from = &self->offered;
    self->order = realloc(self->order, from->room * sizeof *self->order);
    if (!self->order)
        abort();
    for (unsigned i = 0; i < from->len; i++) {
        uint64_t first;
        memcpy(&first, from->rows[i].token.bytes, sizeof first);
        self->order[i] = (place_t){be64toh(first), &from->rows[i]};
    }
    qsort(self->order, from->len, sizeof *self->order, s_by_token);
}

static bool s_is_handed(usage_t *self)
{
    pthread_mutex_lock(&self->lock);
    bool handed = self->handed;
    pthread_mutex_unlock(&self->lock);
    return handed;
}

static void s_give_back(usage_t *self)
{
    s_clear(&self->offered);
    self->taken = 0;
    pthread_mutex_lock(&self->lock);
    self->handed = false;
    pthread_mutex_unlock(&self->lock);
}

static unsigned s_take(usage_t *self, unsigned most, usage_fn *each, void *arg)
{
    const gathering_t *from = &self->offered;
    unsigned first = self->taken, left = from->len - first;
    if (first == 0)
        s_sort(self);
    self->taken += most < left ? most : left;
    for (unsigned i = first; i < self->taken; i++) {
        const row_t *row = self->order[i].row;
        each(arg, &row->token,
             &(token_use_t){.last_ms = row->last_ms,
                            .count = row->count,
                            .address = slice(row->address, row->address_len),
                            .target = slice(row->target, row->target_len),
                            .kind = slice_of(row->kind)});
    }
    unsigned count = self->taken - first;
    if (self->taken == from->len)
        s_give_back(self);
    return count;
}

unsigned usage_take(usage_t *self, usage_fn *each, void *arg)
{
    if (!s_is_handed(self))
        return 0;
    unsigned share = self->offered.len / USAGE_TURNS + 1;
    return s_take(self, share > USAGE_ROWS ? share : USAGE_ROWS, each, arg);
}

unsigned usage_take_all(usage_t *self, usage_fn *each, void *arg)
{
    return s_is_handed(self) ? s_take(self, UINT_MAX, each, arg) : 0;
}
