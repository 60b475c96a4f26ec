#include "workers/delivery/handlers.h"

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/secret.h"
#include "common/log/log.h"
#include "common/store/sealing_key.h"
#include "common/wire/handler.h"
#include "common/wire/wire.h"
#include "workers/journal/outbox.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD = 16, /* of a kept row: the wall clock's time when it was learned, encoded */
    KEPT = HEAD + WIRE_HANDLER,
};

typedef struct {
    UT_hash_handle hh;
    delivery_handler_t handler;
    char url[HANDLER_URL + 1], name[HANDLER_NAME + 1];
    signature_key_t *key;
    char *to, *token; /* of an outlet */
    uint64_t note;    /* of the journal; 0: it came from there */
    unsigned secrets;
    whsec_t secret[HANDLER_SECRETS];
    int64_t until_ms[HANDLER_SECRETS]; /* 0: without end */
} row_t;

struct handlers {
    journal_t *journal;
    sealing_key_t *key;
    row_t *rows;           /* a map by target */
    outlet_kinds_t *kinds; /* NULL: there was no outlet yet */
    int64_t now_ms;        /* while it loads, with what follows */
    sealing_key_t *former; /* or NULL */
    unsigned anew;         /* rows that it had encrypted */
};

static void s_destroy_row(row_t *row)
{
    signature_key_destroy(&row->key);
    if (row->token)
        secret_wipe(row->token, strlen(row->token));
    free(row->token);
    free(row->to);
    secret_wipe(row, sizeof *row);
    free(row);
}

static void s_put(handlers_t *self, row_t *row)
{
    row_t *former;
    HASH_REPLACE(hh, self->rows, handler.target, sizeof row->handler.target, row, former);
    if (former)
        s_destroy_row(former);
}

/* Without it what is kept of handlers is lost, and authd sends it again. */
static const sealing_key_file_t s_key_file = {
    .name = "key of the workers",
    .made = "worker_key.made",
    .malformed = "does not hold 64 hex digits; restore it, or remove it for a new one: then authd "
                 "tells the handlers again"};

static const row_t *s_find(const handlers_t *self, const uuid_t7 *target)
{
    row_t *row;
    HASH_FIND(hh, self->rows, target, sizeof *target, row);
    return row;
}

/* age_ms: how long ago the record was told. */
static bool s_take_secrets(row_t *row, const wire_handler_t *is, int64_t now_ms, uint64_t age_ms)
{
    char err[128];
    for (unsigned i = 0; i < is->secrets; i++) {
        uint64_t left_ms = is->secret[i].left_ms;
        if (left_ms && left_ms <= age_ms)
            continue;
        if (!whsec_parse(is->secret[i].text, &row->secret[row->secrets], err, sizeof err)) {
            log_warn("handlers.secret", "err=%s", LOG_Q(err));
            return false;
        }
        row->until_ms[row->secrets++] = left_ms ? now_ms + (int64_t)(left_ms - age_ms) : 0;
    }
    return true;
}

static char *s_copy(slice_t text)
{
    char *copy = strndup(text.len ? text.data : "", text.len);
    if (!copy)
        abort();
    return copy;
}

/* A kind that only a newer version has is nothing that can be called. */
static bool s_take_outlet(handlers_t *self, row_t *row, const wire_handler_t *is)
{
    if (is->outlet.len == 0)
        return true;
    if (!self->kinds)
        self->kinds = outlet_kinds_new();
    row->handler.outlet = outlet_kinds_find(self->kinds, is->outlet);
    row->to = s_copy(is->to);
    row->token = s_copy(is->token);
    row->handler.settings.text[OUTLET_URL] = slice_of(row->url);
    row->handler.settings.text[OUTLET_TO] = slice_of(row->to);
    row->handler.settings.text[OUTLET_TOKEN] = slice_of(row->token);
    if (!row->handler.outlet)
        log_warn("handlers.outlet", "kind=%.*s err=%s", SLICE_ARG(is->outlet),
                 LOG_Q("this version has no outlets of this kind"));
    return row->handler.outlet;
}

static bool s_fill(handlers_t *self, row_t *row, const wire_handler_t *is, int64_t now_ms,
                   uint64_t age_ms)
{
    char err[256];
    if (!s_take_secrets(row, is, now_ms, age_ms))
        return false;
    if (is->key.len > 0 && !(row->key = signature_key_new(is->key, err, sizeof err))) {
        log_warn("handlers.key", "err=%s", LOG_Q(err));
        return false;
    }
    memcpy(row->url, is->url.data, is->url.len);
    memcpy(row->name, is->name.data, is->name.len);
    if (!s_take_outlet(self, row, is))
        return false;
    row->handler.version = is->version;
    row->handler.url = row->url;
    row->handler.name = slice(row->name, is->name.len);
    row->handler.concurrency = (unsigned)is->concurrency;
    row->handler.ordered = is->ordered;
    row->handler.bound_ms = (int64_t)is->bound_s * 1000;
    row->handler.archived = is->archived;
    row->handler.owner = uuid_is_nil(&is->owner) ? row->handler.target : is->owner;
    row->handler.wait_ms = (int64_t)is->wait_s * 1000;
    row->handler.key = row->key;
    return true;
}

static row_t *s_read(handlers_t *self, const uuid_t7 *target, const wire_handler_t *is,
                     int64_t now_ms, uint64_t age_ms)
{
    row_t *row = calloc(1, sizeof *row);
    if (!row)
        abort();
    row->handler.target = *target;
    if (!s_fill(self, row, is, now_ms, age_ms)) {
        s_destroy_row(row);
        return NULL;
    }
    return row;
}

static uint64_t s_seal(handlers_t *self, const uuid_t7 *target, slice_t plain)
{
    char sealed[KEPT + SEALING_OVERHEAD];
    sealing_key_seal(self->key, plain, sealed);
    journal_note_t note = {.kind = NOTE_HANDLER,
                           .target = *target,
                           .bytes = slice(sealed, plain.len + SEALING_OVERHEAD)};
    return journal_note(self->journal, &note);
}

static bool s_decrypt(handlers_t *self, const uuid_t7 *target, slice_t sealed, char *plain)
{
    if (sealed.len < SEALING_OVERHEAD || sealed.len > KEPT + SEALING_OVERHEAD)
        return false;
    if (sealing_key_open(self->key, sealed, plain) == 0)
        return true;
    if (!self->former || sealing_key_open(self->former, sealed, plain) != 0)
        return false;
    self->anew++;
    s_seal(self, target, slice(plain, sealed.len - SEALING_OVERHEAD));
    return true;
}

static row_t *s_open(handlers_t *self, const uuid_t7 *target, slice_t sealed, char *plain)
{
    wire_handler_t is;
    if (!s_decrypt(self, target, sealed, plain))
        return NULL;
    unpack_t at = unpack_begin(slice(plain, sealed.len - SEALING_OVERHEAD));
    uint64_t told_ms = unpack_uint(&at, INT64_MAX), wall_ms = (uint64_t)clock_wall_ms();
    slice_t record = slice(at.at, (size_t)(at.end - at.at));
    if (at.failed || wire_handler_decode(&is, record) != 0)
        return NULL;
    return s_read(self, target, &is, self->now_ms, wall_ms > told_ms ? wall_ms - told_ms : 0);
}

static void s_load(void *arg, const uuid_t7 *target, slice_t sealed)
{
    handlers_t *self = arg;
    char plain[KEPT];
    row_t *row = s_open(self, target, sealed, plain);
    secret_wipe(plain, sizeof plain);
    if (row) {
        s_put(self, row);
        return;
    }
    char id[UUID_TEXT];
    uuid_text(target, id);
    log_error("handlers.load", "target=%s err=%s", id,
              LOG_Q("the handler that is kept was not encrypted under the workers' key"));
}

static bool s_is_there(const char *path)
{
    struct stat is;
    return path && stat(path, &is) == 0 && is.st_size > 0;
}

/* Without it authd tells again what it had encrypted. */
static sealing_key_t *s_load_former(const char *path)
{
    static const sealing_key_file_t file = {.name = "former key of the worker",
                                            .malformed = "does not hold 64 hex digits",
                                            .missing = "is empty"};
    char err[PATH_MAX + 256];
    if (!s_is_there(path))
        return NULL;
    sealing_key_t *former = sealing_key_load(&file, path, NULL, err, sizeof err);
    if (!former)
        log_warn("handlers.former_key", "err=%s", LOG_Q(err));
    return former;
}

/* Where only root removes names, it stays. */
static void s_remove_former(const char *path)
{
    if (unlink(path) == 0)
        log_info("handlers.former_key", "path=%s removed=1", LOG_Q(path));
}

handlers_t *handlers_new(journal_t *journal, const char *key_path, const char *former_path,
                         int64_t now_ms, char *err, size_t err_size)
{
    bool there = s_is_there(key_path);
    handlers_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->journal = journal;
    self->now_ms = now_ms;
    self->former = s_load_former(former_path);
    self->key = sealing_key_load(&s_key_file, key_path, self->former, err, err_size);
    if (self->key)
        journal_handlers(journal_reader(journal), s_load, self);
    if (self->key && self->former && there && self->anew == 0)
        s_remove_former(former_path);
    sealing_key_destroy(&self->former);
    if (!self->key)
        handlers_destroy(&self);
    return self;
}

void handlers_destroy(handlers_t **self_p)
{
    handlers_t *self = *self_p;
    if (!self)
        return;
    for (row_t *row; (row = self->rows);) {
        HASH_DEL(self->rows, row);
        s_destroy_row(row);
    }
    outlet_kinds_destroy(&self->kinds);
    sealing_key_destroy(&self->key);
    free(self);
    *self_p = NULL;
}

static uint64_t s_keep(handlers_t *self, const uuid_t7 *target, slice_t record)
{
    char plain[KEPT];
    pack_t told = {0};
    pack_uint(&told, (uint64_t)clock_wall_ms());
    memcpy(plain, told.data, told.len);
    memcpy(plain + told.len, record.data, record.len);
    size_t len = told.len + record.len;
    pack_free(&told);
    uint64_t note = s_seal(self, target, slice(plain, len));
    secret_wipe(plain, sizeof plain);
    return note;
}

/* An authd of before did not tell what was archived, and raised no version for it; nor whose it is.
 */
static bool s_is_news(const wire_handler_t *is, const delivery_handler_t *known)
{
    bool owned = uuid_eq(&known->owner, &known->target) && !uuid_is_nil(&is->owner);
    return is->version > known->version ||
           (is->version == known->version && (owned || (is->archived && !known->archived)));
}

int handlers_learn(handlers_t *self, const uuid_t7 *target, slice_t record, int64_t now_ms)
{
    wire_handler_t is;
    if (record.len > WIRE_HANDLER || wire_handler_decode(&is, record) != 0)
        return -1;
    const row_t *known = s_find(self, target);
    if (known && !s_is_news(&is, &known->handler))
        return 0;
    row_t *row = s_read(self, target, &is, now_ms, 0);
    if (!row)
        return -1;
    row->note = s_keep(self, target, record);
    s_put(self, row);
    return 0;
}

bool handlers_kept(const handlers_t *self, const uuid_t7 *target)
{
    const row_t *row = s_find(self, target);
    return row && row->note <= journal_noted(self->journal);
}

const delivery_handler_t *handlers_get(const handlers_t *self, const uuid_t7 *target)
{
    const row_t *row = s_find(self, target);
    return row ? &row->handler : NULL;
}

size_t handlers_secrets(const handlers_t *self, const uuid_t7 *target, int64_t now_ms,
                        whsec_t *secrets)
{
    const row_t *row = s_find(self, target);
    size_t count = 0;
    for (unsigned i = 0; row && i < row->secrets; i++)
        if (row->until_ms[i] == 0 || now_ms < row->until_ms[i])
            secrets[count++] = row->secret[i];
    return count;
}
