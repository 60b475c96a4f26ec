/* In memory only: what is learned is gone with the process. */
#include "workers/handlers.h"

#include "common/wire/handler.h"

#include <stdlib.h>

typedef struct row {
    struct row *next;
    handler_t handler;
    char url[HANDLER_URL + 1], name[HANDLER_NAME];
    unsigned secrets;
    whsec_t secret[HANDLER_SECRETS];
    int64_t until_ms[HANDLER_SECRETS];
    signature_key_t *key;
} row_t;

struct handlers {
    row_t *rows;
};

handlers_t *handlers_new(journal_t *journal, const char *key_path, int64_t now_ms, char *err,
                         size_t err_size)
{
    (void)journal, (void)key_path, (void)now_ms, (void)err, (void)err_size;
    handlers_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    return self;
}

void handlers_destroy(handlers_t **self_p)
{
    handlers_t *self = *self_p;
    while (self && self->rows) {
        row_t *row = self->rows;
        self->rows = row->next;
        signature_key_destroy(&row->key);
        for (unsigned i = 0; i < HANDLER_SECRETS; i++)
            whsec_wipe(&row->secret[i]);
        free(row);
    }
    free(self);
    *self_p = NULL;
}

static row_t *s_find(const handlers_t *self, const uuid_t7 *target)
{
    row_t *row = self->rows;
    while (row && !uuid_eq(&row->handler.target, target))
        row = row->next;
    return row;
}

static row_t *s_row(handlers_t *self, const uuid_t7 *target)
{
    row_t *row = s_find(self, target);
    if (row)
        return row;
    row = calloc(1, sizeof *row);
    if (!row)
        abort();
    row->handler.target = *target;
    row->next = self->rows;
    self->rows = row;
    return row;
}

static int s_take_secrets(row_t *row, const wire_handler_t *is, int64_t now_ms)
{
    char err[128];
    for (unsigned i = 0; i < is->secrets; i++) {
        if (!whsec_parse(is->secret[i].text, &row->secret[i], err, sizeof err))
            return -1;
        row->until_ms[i] = is->secret[i].left_ms ? now_ms + (int64_t)is->secret[i].left_ms : 0;
    }
    row->secrets = is->secrets;
    return 0;
}

int handlers_learn(handlers_t *self, const uuid_t7 *target, slice_t record, int64_t now_ms)
{
    wire_handler_t is;
    char err[256];
    if (wire_handler_decode(&is, record) != 0)
        return -1;
    row_t *row = s_row(self, target);
    if (is.version <= row->handler.version)
        return 0;
    if (s_take_secrets(row, &is, now_ms) != 0)
        return -1;
    signature_key_destroy(&row->key);
    if (is.key.len > 0 && !(row->key = signature_key_new(is.key, err, sizeof err)))
        return -1;
    memcpy(row->url, is.url.data, is.url.len);
    row->url[is.url.len] = '\0';
    memcpy(row->name, is.name.data, is.name.len);
    row->handler = (handler_t){
        .target = *target,
        .version = is.version,
        .url = row->url,
        .name = slice(row->name, is.name.len),
        .wait_ms = (uint32_t)is.wait_ms,
        .concurrency = (unsigned)is.concurrency,
        .ordered = is.ordered,
        .bound_ms = (int64_t)is.bound_s * 1000,
        .key = row->key,
    };
    return 0;
}

const handler_t *handlers_get(const handlers_t *self, const uuid_t7 *target)
{
    const row_t *row = s_find(self, target);
    return row && row->handler.version > 0 ? &row->handler : NULL;
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

void handlers_each(const handlers_t *self, void (*each)(void *arg, const handler_t *handler),
                   void *arg)
{
    for (const row_t *row = self->rows; row; row = row->next)
        each(arg, &row->handler);
}
