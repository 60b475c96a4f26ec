/* Asking the journal: what its thread reads while the writer stores and commits. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/clock.h"
#include "journal_yard.h"
#include "workers/journal/lmdb/writing.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { BATCH = 20, BATCHES = 200, WAIT_MS = 10000 };

static void s_append(journal_t *journal, unsigned first, unsigned count)
{
    journal_entry_t entries[BATCH], *list[BATCH];
    for (unsigned i = 0; i < count; i++) {
        entries[i] = (journal_entry_t){.record = {.op = 1,
                                                  .flags = RECORD_MESSAGE,
                                                  .id = s_uuid(first + i),
                                                  .target = s_uuid(0),
                                                  .body = slice_of("{\"text\":\"t\"}")}};
        list[i] = &entries[i];
    }
    assert_int_equal(journal_append(journal, list, count, s_now), count);
}

/* Something to ask for: how many messages there are, and the last of them. */
typedef struct {
    unsigned *done; /* counts */
    uint64_t from, read, last, at_least;
    journal_asked_t how;
    unsigned number; /* among those that were done */
} question_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    question_t *self = arg;
    (void)log;
    self->read++;
    self->last = record->sequence;
    return true;
}

static void s_query(void *arg, journal_reader_t *reader)
{
    question_t *self = arg;
    uuid_t7 target = s_uuid(0);
    journal_range_t range;
    journal_read(reader, &target, self->from, &range, s_each, self);
}

static void s_done(void *arg, journal_asked_t how)
{
    question_t *self = arg;
    self->how = how;
    self->number = ++*self->done;
}

static void s_wait(journal_t *journal, const unsigned *done, unsigned until)
{
    while (*done < until) {
        struct pollfd fd = {.fd = journal_fd(journal), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        journal_turn(journal);
    }
}

static void test_what_was_asked_is_done_in_turn(void **state)
{
    enum { COUNT = 5 };
    unsigned done = 0;
    question_t questions[COUNT];
    (void)state;
    journal_t *journal = s_open();
    s_append(journal, 1, 10);
    for (unsigned i = 0; i < COUNT; i++) {
        questions[i] = (question_t){.done = &done, .from = i + 1};
        assert_true(journal_ask(journal, s_query, s_done, &questions[i]));
    }
    assert_int_equal(done, 0); /* by nobody but journal_turn */
    assert_int_equal(journal_asked(journal), COUNT);
    s_wait(journal, &done, COUNT);
    assert_int_equal(journal_asked(journal), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(questions[i].how, JOURNAL_READ);
        assert_int_equal(questions[i].number, i + 1);
        assert_int_equal(questions[i].read, 10 - i);
        assert_int_equal(questions[i].last, 10);
    }
    struct pollfd fd = {.fd = journal_fd(journal), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 0), 0);
    journal_close(&journal);
}

typedef struct {
    journal_t *journal;
    atomic_uint stored;
    atomic_bool over;
} writer_t;

/* Stores and commits as the workers' writer does. */
static void *s_write(void *arg)
{
    writer_t *self = arg;
    for (unsigned i = 0; i < BATCHES; i++) {
        s_append(self->journal, 1 + i * BATCH, BATCH);
        atomic_fetch_add(&self->stored, BATCH);
        s_now += 2 * JOURNAL_CHECKPOINT_MS;
        if (journal_checkpoint_begin(self->journal, s_now))
            journal_checkpoint_end(self->journal, s_now);
    }
    atomic_store(&self->over, true);
    return NULL;
}

/* The main thread reads, too. */
static void test_what_was_stored_before_is_there(void **state)
{
    unsigned done = 0, asked = 0;
    pthread_t thread;
    (void)state;
    writer_t writer = {.journal = s_open()};
    assert_int_equal(pthread_create(&thread, NULL, s_write, &writer), 0);
    while (!atomic_load(&writer.over)) {
        question_t question = {.done = &done, .at_least = atomic_load(&writer.stored)};
        question_t own = question;
        assert_true(journal_ask(writer.journal, s_query, s_done, &question));
        s_query(&own, journal_reader(writer.journal));
        s_wait(writer.journal, &done, ++asked);
        assert_int_equal(question.how, JOURNAL_READ);
        assert_true(question.read >= question.at_least && question.last == question.read);
        assert_true(own.read >= own.at_least && own.last == own.read);
    }
    pthread_join(thread, NULL);
    assert_true(asked > 3);
    journal_close(&writer.journal);
}

static bool s_take_page(void *arg, uint64_t log, const record_t *record)
{
    const uintptr_t page = (uintptr_t)record->body.data & ~(uintptr_t)4095;
    (void)arg, (void)log;
    assert_int_equal(mprotect((void *)page, 4096, PROT_NONE), 0);
    return false;
}

/* SIGSEGV, which ends that read alone. */
static void test_damage_is_an_error_of_what_meets_it(void **state)
{
    uuid_t7 target = s_uuid(0);
    journal_range_t range;
    unsigned done = 0;
    (void)state;
    journal_t *journal = s_open();
    for (unsigned i = 0; i < 50; i++)
        s_append(journal, 1 + i * BATCH, BATCH);
    journal_close(&journal);
    journal = s_open();
    journal_read(journal_reader(journal), &target, 500, &range, s_take_page, NULL);
    question_t all = {.done = &done}, again = all, end = {.done = &done, .from = 960};
    assert_true(journal_ask(journal, s_query, s_done, &all));
    assert_true(journal_ask(journal, s_query, s_done, &again));
    assert_true(journal_ask(journal, s_query, s_done, &end));
    s_wait(journal, &done, 3);
    assert_int_equal(all.how, JOURNAL_DAMAGED);
    assert_int_equal(again.how, JOURNAL_DAMAGED);
    assert_int_equal(end.how, JOURNAL_READ);
    assert_int_equal(end.read, 41);
    journal_close(&journal);
}

static pthread_mutex_t s_gate = PTHREAD_MUTEX_INITIALIZER;

static void s_stand(void *arg, journal_reader_t *reader)
{
    (void)arg, (void)reader;
    pthread_mutex_lock(&s_gate);
    pthread_mutex_unlock(&s_gate);
}

static void test_there_is_an_end_to_asking(void **state)
{
    unsigned done = 0;
    static question_t questions[JOURNAL_ASKED];
    (void)state;
    journal_t *journal = s_open();
    pthread_mutex_lock(&s_gate);
    for (unsigned i = 0; i < JOURNAL_ASKED; i++) {
        questions[i] = (question_t){.done = &done};
        assert_true(journal_ask(journal, s_stand, s_done, &questions[i]));
    }
    question_t more = {.done = &done};
    assert_false(journal_ask(journal, s_query, s_done, &more));
    pthread_mutex_unlock(&s_gate);
    s_wait(journal, &done, JOURNAL_ASKED);
    assert_true(journal_ask(journal, s_query, s_done, &more));
    s_wait(journal, &done, JOURNAL_ASKED + 1);
    journal_close(&journal);
}

static void test_a_stop_drops_the_rest(void **state)
{
    unsigned done = 0;
    (void)state;
    journal_t *journal = s_open();
    question_t questions[] = {{.done = &done}, {.done = &done}, {.done = &done}};
    for (unsigned i = 0; i < 3; i++)
        assert_true(journal_ask(journal, s_query, s_done, &questions[i]));
    journal_stop(journal);
    assert_int_equal(done, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(questions[i].how, JOURNAL_DROPPED);
    assert_int_equal(journal_asked(journal), 0);
    assert_false(journal_ask(journal, s_query, s_done, &questions[0]));
    journal_close(&journal);
}

/* The writer stores it when nobody can ask any more. */
static void test_what_is_stored_at_the_end_is_told_to_nobody(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t entry = {.record = {.op = 1,
                                        .flags = RECORD_MESSAGE,
                                        .id = s_uuid(1),
                                        .target = s_uuid(0),
                                        .body = slice_of("{\"text\":\"t\"}")}},
                    *list = &entry;
    journal_start(journal, clock_ms);
    journal_submit(journal, &list, 1);
    journal_close(&journal);
    assert_int_equal(entry.outcome, JOURNAL_STORED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_asked_is_done_in_turn),
        TEST(what_was_stored_before_is_there),
        TEST(damage_is_an_error_of_what_meets_it),
        TEST(there_is_an_end_to_asking),
        TEST(what_is_stored_at_the_end_is_told_to_nobody),
        TEST(a_stop_drops_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
