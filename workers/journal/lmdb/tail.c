#include "workers/journal/lmdb/tail.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC = 0x5441494c,
    CHUNK = 256 << 10, /* least bytes of records that are allocated at once */
    CHUNKS_KEPT = 16,  /* free ones that wait for the next generation */
    ROOM_LEAST = 1024,
    EDITS_LEAST = 16,
    LOOKED_BACK = 256, /* rows, under one lock */
};

typedef struct chunk {
    struct chunk *next; /* the one that was filled before it */
    size_t size, used;
    char bytes[];
} chunk_t;

typedef struct {
    uuid_t7 target;
    uint64_t sequence, previous, root; /* as in the record */
    const char *bytes;                 /* of the record; before them the rest of the entry */
    uint32_t before, len;
    uint32_t next; /* of the target in this part, as an index + 1; 0: none */
} row_t;

/* A generation. What readers see of it changes under the lock only. */
struct tail_part {
    uint64_t generation, first_log;
    row_t *rows;
    size_t len, staged, room; /* rows; behind them the staged ones */
    /* The first row of each stride of a target, as an index + 1: open addressing. */
    uint32_t *heads;
    size_t heads_len, heads_room; /* a power of two */
    /* The last revision of each message that has one here, likewise. */
    uint32_t *edits;
    size_t edits_len, edits_room;
    unsigned readers;
    bool dropped;
    chunk_t *chunks; /* the writer's */
};

struct tail {
    unsigned magic;
    pthread_mutex_t lock;
    tail_part_t *parts[TAIL_PARTS + 1]; /* the oldest first, then NULL */
    chunk_t *kept;                      /* free ones */
    unsigned kept_len;
    atomic_uint_fast64_t drops;
};

tail_t *tail_new(void)
{
    tail_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

/* The lock is held, here and in what follows that does not take it. */
static void s_keep_chunks(tail_t *self, chunk_t *chunk)
{
    while (chunk) {
        chunk_t *next = chunk->next;
        if (chunk->size == CHUNK && self->kept_len < CHUNKS_KEPT) {
            chunk->next = self->kept;
            self->kept = chunk;
            self->kept_len++;
        } else {
            free(chunk);
        }
        chunk = next;
    }
}

static void s_destroy_part(tail_t *self, tail_part_t *part)
{
    assert(part->readers == 0);
    s_keep_chunks(self, part->chunks);
    free(part->rows);
    free(part->heads);
    free(part->edits);
    free(part);
}

void tail_destroy(tail_t **self_p)
{
    tail_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    tail_drop(self, UINT64_MAX);
    for (chunk_t *next; self->kept; self->kept = next) {
        next = self->kept->next;
        free(self->kept);
    }
    pthread_mutex_destroy(&self->lock);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

static tail_part_t *s_newest(const tail_t *self)
{
    unsigned i = 0;
    while (i < TAIL_PARTS && self->parts[i])
        i++;
    return i ? self->parts[i - 1] : NULL;
}

static tail_part_t *s_add_part(tail_t *self, uint64_t generation)
{
    tail_part_t *part = calloc(1, sizeof *part);
    if (!part)
        abort();
    part->generation = generation;
    pthread_mutex_lock(&self->lock);
    assert(!self->parts[TAIL_PARTS - 1]);
    self->parts[self->parts[0] ? 1 : 0] = part;
    pthread_mutex_unlock(&self->lock);
    return part;
}

static chunk_t *s_new_chunk(tail_t *self, size_t least)
{
    size_t size = least > CHUNK ? least : CHUNK;
    chunk_t *chunk = NULL;
    pthread_mutex_lock(&self->lock);
    if (size == CHUNK && self->kept) {
        chunk = self->kept;
        self->kept = chunk->next;
        self->kept_len--;
    }
    pthread_mutex_unlock(&self->lock);
    if (!chunk)
        chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        abort();
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

static const char *s_copy(tail_t *self, tail_part_t *part, slice_t entry)
{
    chunk_t *chunk = part->chunks;
    if (!chunk || chunk->size - chunk->used < entry.len) {
        chunk = s_new_chunk(self, entry.len);
        chunk->next = part->chunks;
        part->chunks = chunk;
    }
    char *to = chunk->bytes + chunk->used;
    memcpy(to, entry.data, entry.len);
    chunk->used += entry.len;
    return to;
}

static void s_grow(tail_t *self, tail_part_t *part)
{
    pthread_mutex_lock(&self->lock);
    part->room = part->room ? 2 * part->room : ROOM_LEAST;
    part->rows = realloc(part->rows, part->room * sizeof *part->rows);
    pthread_mutex_unlock(&self->lock);
    if (!part->rows)
        abort();
}

void tail_stage(tail_t *self, uint64_t generation, const record_t *record, slice_t entry,
                size_t len)
{
    size_t before = entry.len - len;
    tail_part_t *part = s_newest(self);
    if (!part || part->generation != generation)
        part = s_add_part(self, generation);
    if (part->len + part->staged == part->room)
        s_grow(self, part);
    part->rows[part->len + part->staged++] = (row_t){
        .target = record->target,
        .sequence = record->sequence,
        .previous = record->previous,
        .root = record->root,
        .bytes = s_copy(self, part, entry) + before,
        .before = (uint32_t)before,
        .len = (uint32_t)len,
    };
}

void tail_unstage(tail_t *self)
{
    tail_part_t *part = s_newest(self);
    if (part)
        part->staged = 0;
}

/* Where the first row of a target's stride is noted, or would be. */
static uint32_t *s_head(const tail_part_t *part, const uuid_t7 *target, uint64_t stride)
{
    uint64_t hash;
    memcpy(&hash, target->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    hash = (hash ^ stride) * 0x9e3779b97f4a7c15u;
    for (size_t i = hash >> 32;; i++) {
        uint32_t *head = &part->heads[i & (part->heads_room - 1)];
        const row_t *row = *head ? &part->rows[*head - 1] : NULL;
        if (!row || (row->sequence / TAIL_STRIDE == stride && uuid_eq(&row->target, target)))
            return head;
    }
}

static void s_grow_heads(tail_part_t *part)
{
    uint32_t *old = part->heads;
    size_t old_room = part->heads_room;
    part->heads_room = old_room ? 2 * old_room : ROOM_LEAST;
    part->heads = calloc(part->heads_room, sizeof *part->heads);
    if (!part->heads)
        abort();
    for (size_t i = 0; i < old_room; i++) {
        const row_t *row = old[i] ? &part->rows[old[i] - 1] : NULL;
        if (row)
            *s_head(part, &row->target, row->sequence / TAIL_STRIDE) = old[i];
    }
    free(old);
}

/* Where the last revision of a message is noted, or would be. */
static uint32_t *s_edit(const tail_part_t *part, const uuid_t7 *target, uint64_t root)
{
    uint64_t hash;
    memcpy(&hash, target->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    hash = (hash ^ root) * 0x9e3779b97f4a7c15u;
    for (size_t i = hash >> 32;; i++) {
        uint32_t *edit = &part->edits[i & (part->edits_room - 1)];
        const row_t *row = *edit ? &part->rows[*edit - 1] : NULL;
        if (!row || (row->root == root && uuid_eq(&row->target, target)))
            return edit;
    }
}

static void s_grow_edits(tail_part_t *part)
{
    uint32_t *old = part->edits;
    size_t old_room = part->edits_room;
    part->edits_room = old_room ? 2 * old_room : EDITS_LEAST;
    part->edits = calloc(part->edits_room, sizeof *part->edits);
    if (!part->edits)
        abort();
    for (size_t i = 0; i < old_room; i++) {
        const row_t *row = old[i] ? &part->rows[old[i] - 1] : NULL;
        if (row)
            *s_edit(part, &row->target, row->root) = old[i];
    }
    free(old);
}

static void s_note_edit(tail_part_t *part, size_t i)
{
    const row_t *row = &part->rows[i];
    if (row->root == 0)
        return;
    if (2 * (part->edits_len + 1) > part->edits_room)
        s_grow_edits(part);
    uint32_t *edit = s_edit(part, &row->target, row->root);
    part->edits_len += *edit == 0;
    *edit = (uint32_t)i + 1;
}

/* Makes the staged row at I found: from the one before it, and by its stride. */
static void s_link(tail_part_t *part, size_t i)
{
    row_t *row = &part->rows[i];
    bool first = row->previous < part->first_log;
    if (!first)
        part->rows[row->previous - part->first_log].next = (uint32_t)i + 1;
    if (!first && row->sequence % TAIL_STRIDE != 0)
        return;
    if (2 * (part->heads_len + 1) > part->heads_room)
        s_grow_heads(part);
    *s_head(part, &row->target, row->sequence / TAIL_STRIDE) = (uint32_t)i + 1;
    part->heads_len++;
}

void tail_publish(tail_t *self, uint64_t first_log)
{
    tail_part_t *part = s_newest(self);
    assert(part && part->staged > 0);
    pthread_mutex_lock(&self->lock);
    if (part->len == 0)
        part->first_log = first_log;
    assert(part->first_log + part->len == first_log);
    for (; part->staged > 0; part->staged--) {
        s_note_edit(part, part->len);
        s_link(part, part->len++);
    }
    pthread_mutex_unlock(&self->lock);
}

void tail_drop(tail_t *self, uint64_t generation)
{
    pthread_mutex_lock(&self->lock);
    while (self->parts[0] && self->parts[0]->generation <= generation) {
        tail_part_t *part = self->parts[0];
        memmove(self->parts, self->parts + 1, sizeof self->parts - sizeof *self->parts);
        part->dropped = true;
        if (part->readers == 0)
            s_destroy_part(self, part);
    }
    atomic_fetch_add(&self->drops, 1);
    pthread_mutex_unlock(&self->lock);
}

/* The writer's alone change, so that it needs no lock. */
static const tail_part_t *s_part(const tail_t *self, uint64_t generation)
{
    for (unsigned i = 0; i < TAIL_PARTS && self->parts[i]; i++)
        if (self->parts[i]->generation == generation)
            return self->parts[i];
    return NULL;
}

int tail_each(const tail_t *self, uint64_t generation, tail_each_fn each, void *arg)
{
    const tail_part_t *part = s_part(self, generation);
    int rc = 0;
    for (size_t i = 0; part && i < part->len && rc == 0; i++) {
        const row_t *row = &part->rows[i];
        rc = each(arg, slice(row->bytes - row->before, row->before + row->len));
    }
    return rc;
}

uint64_t tail_drops(const tail_t *self)
{
    return atomic_load(&self->drops);
}

/* The row of exactly that sequence, as an index + 1; 0: the part has none. */
static uint32_t s_find(const tail_part_t *part, const uuid_t7 *target, uint64_t sequence)
{
    if (part->heads_room == 0)
        return 0;
    uint32_t at = *s_head(part, target, sequence / TAIL_STRIDE);
    while (at && part->rows[at - 1].sequence < sequence)
        at = part->rows[at - 1].next;
    return at && part->rows[at - 1].sequence == sequence ? at : 0;
}

static void s_collect(const tail_part_t *part, uint32_t at, tail_page_t *page)
{
    while (at && page->len < TAIL_ROWS) {
        const row_t *row = &part->rows[at - 1];
        page->rows[page->len++] =
            (tail_row_t){part->first_log + at - 1, slice(row->bytes, row->len)};
        at = row->next;
    }
}

void tail_read(tail_t *self, const uuid_t7 *target, uint64_t sequence, tail_page_t *page)
{
    page->part = NULL;
    page->len = 0;
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i < TAIL_PARTS && self->parts[i] && !page->part; i++) {
        tail_part_t *part = self->parts[i];
        uint32_t at = s_find(part, target, sequence);
        if (!at)
            continue;
        s_collect(part, at, page);
        page->part = part;
        part->readers++;
    }
    pthread_mutex_unlock(&self->lock);
}

static void s_copy_rows(const tail_part_t *part, uint64_t log, tail_page_t *page)
{
    size_t at = log > part->first_log ? log - part->first_log : 0;
    for (; at < part->len && page->len < TAIL_ROWS; at++)
        page->rows[page->len++] =
            (tail_row_t){part->first_log + at, slice(part->rows[at].bytes, part->rows[at].len)};
}

void tail_scan(tail_t *self, uint64_t log, tail_page_t *page)
{
    page->part = NULL;
    page->len = 0;
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i < TAIL_PARTS && self->parts[i] && !page->part; i++) {
        tail_part_t *part = self->parts[i];
        s_copy_rows(part, log, page);
        if (page->len == 0)
            continue;
        page->part = part;
        part->readers++;
    }
    pthread_mutex_unlock(&self->lock);
}

/* The lock is held. */
static void s_let_go(tail_t *self, tail_part_t *part)
{
    assert(part->readers > 0);
    if (--part->readers == 0 && part->dropped)
        s_destroy_part(self, part);
}

void tail_release(tail_t *self, tail_page_t *page)
{
    if (!page->part)
        return;
    pthread_mutex_lock(&self->lock);
    s_let_go(self, page->part);
    pthread_mutex_unlock(&self->lock);
    page->part = NULL;
}

void tail_hold(tail_t *self, tail_held_t *held)
{
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i < TAIL_PARTS; i++) {
        held->part[i] = self->parts[i];
        if (held->part[i])
            held->part[i]->readers++;
    }
    pthread_mutex_unlock(&self->lock);
}

void tail_let_go(tail_t *self, tail_held_t *held)
{
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i < TAIL_PARTS; i++) {
        if (held->part[i])
            s_let_go(self, held->part[i]);
        held->part[i] = NULL;
    }
    pthread_mutex_unlock(&self->lock);
}

static tail_row_t s_row(const tail_part_t *part, size_t i)
{
    return (tail_row_t){part->first_log + i, slice(part->rows[i].bytes, part->rows[i].len)};
}

bool tail_revision(tail_t *self, const tail_held_t *held, const uuid_t7 *target, uint64_t root,
                   tail_row_t *row)
{
    uint32_t found = 0;
    pthread_mutex_lock(&self->lock);
    for (unsigned i = TAIL_PARTS; i > 0 && !found; i--) {
        const tail_part_t *part = held->part[i - 1];
        found = part && part->edits_len ? *s_edit(part, target, root) : 0;
        if (found)
            *row = s_row(part, found - 1);
    }
    pthread_mutex_unlock(&self->lock);
    return found != 0;
}

static bool s_is_of(const row_t *row, const uuid_t7 *target, uint64_t root)
{
    return (row->root ? row->root : row->sequence) == root && uuid_eq(&row->target, target);
}

/* One of the rows of the part before *END, which becomes where to go on. */
static bool s_look_back(tail_t *self, const tail_part_t *part, const uuid_t7 *target, uint64_t root,
                        size_t *end, tail_row_t *row)
{
    bool found = false;
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i<LOOKED_BACK && * end> 0 && !found; i++) {
        found = s_is_of(&part->rows[--*end], target, root);
        if (found)
            *row = s_row(part, *end);
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}

static size_t s_rows_below(tail_t *self, const tail_part_t *part, uint64_t log)
{
    if (!part || log <= part->first_log)
        return 0;
    pthread_mutex_lock(&self->lock);
    size_t len = part->len;
    pthread_mutex_unlock(&self->lock);
    return log - part->first_log < len ? log - part->first_log : len;
}

bool tail_before(tail_t *self, const tail_held_t *held, const uuid_t7 *target, uint64_t root,
                 uint64_t log, tail_row_t *row)
{
    for (unsigned i = TAIL_PARTS; i > 0; i--) {
        const tail_part_t *part = held->part[i - 1];
        for (size_t end = s_rows_below(self, part, log); end > 0;)
            if (s_look_back(self, part, target, root, &end, row))
                return true;
    }
    return false;
}

bool tail_at(tail_t *self, const tail_held_t *held, uint64_t log, tail_row_t *row)
{
    bool found = false;
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i < TAIL_PARTS && !found; i++) {
        const tail_part_t *part = held->part[i];
        found = part && log >= part->first_log && log - part->first_log < part->len;
        if (found)
            *row = s_row(part, log - part->first_log);
    }
    pthread_mutex_unlock(&self->lock);
    return found;
}
