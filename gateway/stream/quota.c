#include "gateway/stream/quota.h"

#include "common/base/map.h"

#include <assert.h>
#include <pthread.h>

typedef struct {
    uuid_t7 token;
    unsigned len;
    UT_hash_handle hh;
} row_t;

struct quota {
    pthread_mutex_t lock;
    unsigned most, most_of_token, len;
    row_t *rows;
};

quota_t *quota_new(unsigned most, unsigned most_of_token)
{
    quota_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    pthread_mutex_init(&self->lock, NULL);
    self->most = most;
    self->most_of_token = most_of_token;
    return self;
}

static row_t *s_row(quota_t *self, const uuid_t7 *token)
{
    row_t *row;
    HASH_FIND(hh, self->rows, token, UUID_BYTES, row);
    if (row)
        return row;
    row = calloc(1, sizeof *row);
    if (!row)
        abort();
    row->token = *token;
    HASH_ADD(hh, self->rows, token, UUID_BYTES, row);
    return row;
}

quota_result_t quota_enter(quota_t *self, const uuid_t7 *token)
{
    quota_result_t result = QUOTA_FULL;
    pthread_mutex_lock(&self->lock);
    if (self->len < self->most) {
        row_t *row = s_row(self, token);
        result = row->len < self->most_of_token ? QUOTA_TAKEN : QUOTA_TOKEN_FULL;
        row->len += result == QUOTA_TAKEN;
        self->len += result == QUOTA_TAKEN;
    }
    pthread_mutex_unlock(&self->lock);
    return result;
}

void quota_leave(quota_t *self, const uuid_t7 *token)
{
    pthread_mutex_lock(&self->lock);
    row_t *row = s_row(self, token);
    assert(row->len > 0 && self->len > 0);
    self->len--;
    if (--row->len == 0) {
        HASH_DEL(self->rows, row);
        free(row);
    }
    pthread_mutex_unlock(&self->lock);
}
