#include "authd/manage/answers.h"

#include <assert.h>
#include <stdlib.h>

typedef struct {
    uuid_t7 id;
    int64_t end_ms;
    manage_answer_t answer;
} row_t;

struct answers {
    row_t row[ANSWERS_MOST]; /* a ring in the order of their coming */
    unsigned first, len;
    size_t bytes;
    int64_t due_ms; /* the soonest end of any */
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

static void s_wipe(answers_t *self, row_t *row)
{
    self->bytes -= row->answer.body_len;
    manage_clear(&row->answer);
    row->id = (uuid_t7){{0}};
}

static void s_drop_first(answers_t *self)
{
    assert(self->len);
    s_wipe(self, s_row(self, 0));
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
                                    int64_t end_ms)
{
    while (self->len &&
           (self->len == ANSWERS_MOST || self->bytes + answer->body_len > ANSWERS_BYTES))
        s_drop_first(self);
    row_t *row = s_row(self, self->len++);
    *row = (row_t){.id = *id, .end_ms = end_ms, .answer = *answer};
    if (self->len == 1 || end_ms < self->due_ms)
        self->due_ms = end_ms;
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
    if (self->len == 0 || now_ms < self->due_ms)
        return;
    self->due_ms = INT64_MAX;
    for (unsigned i = 0; i < self->len; i++) {
        row_t *row = s_row(self, i);
        if (now_ms >= row->end_ms)
            s_wipe(self, row); /* its place stays taken while an earlier one is kept */
        else if (row->end_ms < self->due_ms)
            self->due_ms = row->end_ms;
    }
    while (self->len && uuid_is_nil(&s_row(self, 0)->id))
        s_drop_first(self);
}
