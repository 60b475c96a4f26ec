#include "router/deaths.h"

#include "common/base/map.h"
#include "common/base/ops.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <stdlib.h>

enum {
    MOST = 8192,     /* more are not remembered */
    KEPT_MS = 70000, /* longer than any deadline */
    SUSPECT = 2,     /* deaths of an entry, after which it goes alone; one that reads no more */
    ENOUGH = 3,      /* and after which it goes no more; SUSPECT, where nobody else was there */
};

typedef struct {
    UT_hash_handle hh;
    uuid_t7 id;
    int64_t until_ms;
    unsigned deaths, last;
    bool enough;
} known_t;

struct deaths {
    deaths_refuse_fn *refuse;
    void *arg;
    unsigned number; /* of the death at hand */
    known_t *known;  /* a map by id */
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

/* What is old. */
static void s_forget(deaths_t *self, int64_t now_ms)
{
    known_t *known, *next;
    HASH_ITER (hh, self->known, known, next) {
        if (known->until_ms > now_ms)
            continue;
        HASH_DEL(self->known, known);
        free(known);
    }
}

void deaths_destroy(deaths_t **self_p)
{
    if (*self_p) {
        s_forget(*self_p, INT64_MAX);
        free(*self_p);
        *self_p = NULL;
    }
}

static known_t *s_find(const deaths_t *self, const uuid_t7 *id)
{
    known_t *known;
    HASH_FIND(hh, self->known, id, sizeof *id, known);
    return known;
}

static known_t *s_add(deaths_t *self, const uuid_t7 *id)
{
    known_t *known = calloc(1, sizeof *known);
    if (!known)
        abort();
    known->id = *id;
    HASH_ADD(hh, self->known, id, sizeof known->id, known);
    return known;
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

/* True when this entry has not been counted to the death yet. ONE: nobody else was there. *ENOUGH:
 * it is not sent again; so is one that reads and cannot be remembered. */
static bool s_count(deaths_t *self, const queue_note_t *entry, bool one, int64_t now_ms,
                    bool *enough)
{
    known_t *known = s_find(self, &entry->id);
    *enough = s_reads(entry);
    if (!known && HASH_COUNT(self->known) == MOST)
        return true;
    if (!known)
        known = s_add(self, &entry->id);
    else if (known->last == self->number)
        return false;
    known->until_ms = now_ms + KEPT_MS;
    known->deaths++;
    *enough = known->enough = known->deaths >= (one || s_reads(entry) ? SUSPECT : ENOUGH);
    known->last = self->number;
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
    s_forget(self, now_ms);
    for (unsigned i = 0; i < len; i++)
        for (unsigned j = 0; j < batches[i]->len; j++) {
            const queue_note_t *entry = &batches[i]->note[j];
            bool enough;
            if (!s_count(self, entry, one, now_ms, &enough))
                continue;
            s_tell(entry, counted++);
            if (enough && s_reads(entry)) {
                metric_add(METRIC_not_sent_again_total, 1);
                self->refuse(self->arg, entry);
            }
        }
}

deaths_verdict_t deaths_of(deaths_t *self, const uuid_t7 *id, int64_t now_ms)
{
    const known_t *known = s_find(self, id);
    if (!known || known->until_ms <= now_ms)
        return DEATHS_NONE;
    if (known->enough)
        return DEATHS_ENOUGH;
    return known->deaths >= SUSPECT ? DEATHS_SUSPECT : DEATHS_NONE;
}
