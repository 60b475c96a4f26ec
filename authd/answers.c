#include "authd/answers.h"

#include <assert.h>
#include <stdlib.h>

typedef struct {
    uuid_t7 id;
    int64_t kept_ms;
    manage_answer_t answer;
} row_t;

struct answers {
    row_t row[ANSWERS_MOST]; /* a ring in the order of their coming */
    unsigned first, len;
    size_t bytes;
};

answers_t *answers_new(void)
{
    answers_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    return self;
}

static row_t *s_row(answers_t *self, unsigned i)
{
    return &self->row[(self->first + i) % ANSWERS_MOST];
}

static void s_drop_first(answers_t *self)
{
    assert(self->len);
    row_t *row = s_row(self, 0);
    self->bytes -= row->answer.body_len;
    manage_clear(&row->answer);
    self->first = (self->first + 1) % ANSWERS_MOST;
    self->len--;
}

void answers_destroy(answers_t **self_p)
{
    answers_t *self = *self_p;
    if (!self)
        return;
    while (self->len)
        s_drop_first(self);
    free(self);
    *self_p = NULL;
}

const manage_answer_t *answers_keep(answers_t *self, const uuid_t7 *id, manage_answer_t *answer,
                                    int64_t now_ms)
{
    while (self->len &&
           (self->len == ANSWERS_MOST || self->bytes + answer->body_len > ANSWERS_BYTES))
        s_drop_first(self);
    row_t *row = s_row(self, self->len++);
    *row = (row_t){.id = *id, .kept_ms = now_ms, .answer = *answer};
    self->bytes += answer->body_len;
    *answer = (manage_answer_t){0};
    return &row->answer;
}

const manage_answer_t *answers_find(const answers_t *self, const uuid_t7 *id)
{
    for (unsigned i = self->len; i-- > 0;) {
        const row_t *row = &self->row[(self->first + i) % ANSWERS_MOST];
        if (uuid_eq(&row->id, id))
            return &row->answer;
    }
    return NULL;
}

void answers_tick(answers_t *self, int64_t now_ms)
{
    while (self->len && now_ms - s_row(self, 0)->kept_ms >= ANSWERS_KEPT_MS)
        s_drop_first(self);
}
