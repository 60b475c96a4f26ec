#include "router/deaths.h"

#include "common/base/ops.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <stdlib.h>

enum {
    ROOM = 16384,    /* slots; a power of two */
    MOST = ROOM / 2, /* more are not remembered */
    KEPT_MS = 70000, /* longer than any deadline */
    SUSPECT = 2,     /* deaths of an entry that writes, after which it goes alone */
    ENOUGH = 3,      /* and after which it goes no more; SUSPECT, where nobody else was there */
};

typedef struct {
    uuid_t7 id;
    int64_t until_ms; /* 0: free */
    unsigned deaths, last;
    bool enough;
} known_t;

struct deaths {
    deaths_refuse_fn *refuse;
    void *arg;
    unsigned number; /* of the death at hand */
    known_t *known;  /* open addressing; NULL before the first death */
    unsigned len;
};

deaths_t *deaths_new(deaths_refuse_fn *refuse, void *arg)
{
    deaths_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->refuse = refuse;
    self->arg = arg;
    return self;
}

void deaths_destroy(deaths_t **self_p)
{
    if (*self_p) {
        free((*self_p)->known);
        free(*self_p);
        *self_p = NULL;
    }
}

static known_t *s_seek(known_t *known, const uuid_t7 *id)
{
    uint32_t hash; /* the last bytes of a UUIDv7 are random */
    memcpy(&hash, id->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    unsigned at = hash & (ROOM - 1);
    while (known[at].until_ms && !uuid_eq(&known[at].id, id))
        at = (at + 1) & (ROOM - 1);
    return &known[at];
}

/* Forgets what is old. */
static void s_renew(deaths_t *self, int64_t now_ms)
{
    known_t *old = self->known;
    self->known = calloc(ROOM, sizeof *self->known);
    if (!self->known)
        abort();
    self->len = 0;
    for (unsigned i = 0; old && i < ROOM; i++)
        if (old[i].until_ms > now_ms) {
            *s_seek(self->known, &old[i].id) = old[i];
            self->len++;
        }
    free(old);
}

static bool s_reads(const queue_note_t *entry)
{
    const op_t *op = op_find(entry->op);
    return op && op_reads(op);
}

/* Whether all of it is attempts of one entry. */
static bool s_is_one(const queue_notes_t *const *batches, unsigned len)
{
    const uuid_t7 *id = NULL;
    for (unsigned i = 0; i < len; i++)
        for (unsigned j = 0; j < batches[i]->len; j++) {
            if (id && !uuid_eq(id, &batches[i]->note[j].id))
                return false;
            id = &batches[i]->note[j].id;
        }
    return true;
}

/* True when this entry has not been counted to the death yet. ONE: nobody else was there. */
static bool s_count(deaths_t *self, const queue_note_t *entry, bool one, int64_t now_ms)
{
    known_t *known = s_seek(self->known, &entry->id);
    bool fresh = known->until_ms == 0;
    if (fresh && self->len == MOST)
        return true;
    if (!fresh && known->last == self->number)
        return false;
    unsigned deaths = fresh || known->until_ms <= now_ms ? 1 : known->deaths + 1;
    self->len += fresh;
    *known = (known_t){.id = entry->id,
                       .until_ms = now_ms + KEPT_MS,
                       .deaths = deaths,
                       .enough = s_reads(entry) || deaths >= (one ? SUSPECT : ENOUGH),
                       .last = self->number};
    return true;
}

/* The first names are enough to find what all have in common. */
static void s_tell(const queue_note_t *entry, unsigned told)
{
    enum { TOLD = 16 };
    char id[UUID_TEXT];
    const op_t *op = op_find(entry->op);
    uuid_text(&entry->id, id);
    if (told < TOLD)
        log_warn("worker.died_with", "req=%s op=%s attempt=%u", id, op ? op->name : "-",
                 entry->attempt);
}

void deaths_count(deaths_t *self, const queue_notes_t *const *batches, unsigned len, int64_t now_ms)
{
    unsigned counted = 0;
    bool one = s_is_one(batches, len);
    self->number++;
    s_renew(self, now_ms);
    for (unsigned i = 0; i < len; i++)
        for (unsigned j = 0; j < batches[i]->len; j++) {
            const queue_note_t *entry = &batches[i]->note[j];
            if (!s_count(self, entry, one, now_ms))
                continue;
            s_tell(entry, counted++);
            if (s_reads(entry)) {
                metric_add(METRIC_not_sent_again_total, 1);
                self->refuse(self->arg, entry);
            }
        }
}

deaths_verdict_t deaths_of(deaths_t *self, const uuid_t7 *id, int64_t now_ms)
{
    const known_t *known = self->known ? s_seek(self->known, id) : NULL;
    if (!known || known->until_ms <= now_ms)
        return DEATHS_NONE;
    if (known->enough)
        return DEATHS_ENOUGH;
    return known->deaths >= SUSPECT ? DEATHS_SUSPECT : DEATHS_NONE;
}
