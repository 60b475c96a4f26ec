/* What is due, read with its records. */
#include "tests/conformance/check.h"

enum { MOST_DUE = 64 };

typedef struct {
    model_t *model;
    uuid_t7 target;
    uint64_t logs[MOST_DUE], known[MOST_DUE];
    unsigned len, most, known_len, found;
    uint64_t at;
} due_t;

static bool s_each_due(void *arg, const outbox_due_t *due)
{
    due_t *self = arg;
    if (!uuid_eq(&due->place.target, &self->target))
        return false;
    CHECK(model_at(self->model, due->place.log)->state == OUTBOX_PENDING, "not pending");
    self->logs[self->len++] = due->place.log;
    return self->len < self->most;
}

static void s_each_record(void *arg, const record_t *record)
{
    due_t *self = arg;
    char body[CHECK_BODY];
    const model_record_t *is = model_at(self->model, self->at);
    uuid_t7 id = check_uuid(is->id);
    CHECK(uuid_eq(&record->id, &id), "id of %u", is->id);
    CHECK(slice_eq(record->body, check_body(is->id, body)), "body of %u", is->id);
    self->found++;
}

static void s_walk(journal_reader_t *reader, due_t *self, unsigned salt)
{
    outbox_place_t from = {.target = self->target};
    outbox_ahead_t ahead = {.until_ms = salt % 3 ? INT64_MAX : self->model->running_ms,
                            .most = 1 + salt % 5,
                            .bytes = 1 + salt % 1000,
                            .known = self->known,
                            .known_len = self->known_len};
    self->len = self->found = 0;
    journal_due_ahead(reader, &from, &ahead, s_each_due, self);
    for (unsigned i = 0; i < self->len; i++) {
        self->at = self->logs[i];
        CHECK(journal_record(reader, self->at, s_each_record, self), "no record at %llu",
              (unsigned long long)self->at);
    }
    CHECK(self->found == self->len, "%u of %u", self->found, self->len);
}

void check_due(journal_reader_t *reader, model_t *model, unsigned salt)
{
    for (unsigned target = 0; target < MODEL_TARGETS; target++) {
        unsigned pending = 0;
        due_t due = {.model = model, .target = check_uuid(target), .most = MOST_DUE};
        for (unsigned i = 0; i < model->len; i++)
            pending +=
                model->records[i].target == target && model->records[i].state == OUTBOX_PENDING;
        s_walk(reader, &due, salt);
        CHECK(due.len == (pending < MOST_DUE ? pending : MOST_DUE), "%u of %u", due.len, pending);
        for (unsigned i = salt % 2; i < due.len; i += 2)
            due.known[due.known_len++] = due.logs[i];
        due.most = 1 + salt % 7;
        s_walk(reader, &due, salt + 1);
    }
}
