/* The outbox on a server that is lost, taken by another, or of a version before. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/monitor/monitor.h"
#include "former_holder.h"
#include "journal_entries.h"
#include "workers/delivery/load.h"
#include "workers/journal/postgres/items.h"
#include "workers/journal/postgres/port.h"
#include "workers/journal/retention.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { DAY = 86400000, HOUR = 3600000 };

static journal_t *s_open_bot(void)
{
    journal_options_t options = s_options();
    options.kind = "bot";
    options.delivery_retention_ms = 7ull * DAY;
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    return journal;
}

static uint64_t s_store(journal_t *journal, unsigned id)
{
    journal_entry_t entry = s_entry(1, id, "{}");
    entry.record.flags |= RECORD_DELIVER;
    assert_int_equal(s_append(journal, &entry, 1), 1);
    return entry.answer.log;
}

static journal_note_t s_outcome(journal_t *journal, uint64_t log, outbox_state_t state)
{
    uint64_t now_ms = journal_running_ms(journal, s_now);
    return (journal_note_t){.kind = NOTE_OUTCOME,
                            .target = s_uuid(1),
                            .log = log,
                            .state = state,
                            .now_ms = now_ms,
                            .due_ms = now_ms,
                            .attempted = true,
                            .attempt = {.time_ms = 7, .status = 503, .answer = slice_of("no")}};
}

static void s_carry_out(journal_t *journal)
{
    for (unsigned i = 0; i < 100 && journal_has_notes(journal); i++) {
        s_now += 1000;
        journal_tend(journal, s_now);
    }
    assert_false(journal_has_notes(journal));
}

static outbox_item_t s_item(journal_t *journal, uint64_t log)
{
    outbox_item_t item = {.log = 0};
    uuid_t7 target = s_uuid(1);
    journal_item(journal_reader(journal), &target, log, &item);
    return item;
}

static unsigned s_number(const char *sql)
{
    char value[POSTGRES_TEXT];
    postgres_ask(sql, value);
    return (unsigned)atoi(value);
}

/* What the version before has made, which knew channels alone. */
static void s_go_back(void)
{
    postgres_do("DROP TABLE postern.pending, postern.kept, postern.retained; ALTER TABLE "
                "postern.installation DROP "
                "COLUMN bot, DROP COLUMN extension; DELETE FROM postern.shard WHERE kind > 0; "
                "DELETE FROM postern.lease WHERE what NOT LIKE 'channel/%'");
}

static void test_a_database_of_the_version_before(void **state)
{
    char err[512];
    (void)state;
    s_go_back();
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_STORED);
    const uuid_t7 target = s_uuid(1);
    const retention_t keeps = {.version = 1, .messages = 5};
    assert_int_equal(journal_retain(journal, &target, &keeps), RETENTION_UNABLE);
    journal_options_t options = s_options();
    options.kind = "bot";
    assert_null(journal_open(&options, s_now, s_err, sizeof s_err));
    assert_non_null(strstr(s_err, "no journals of bot shards: posternctl db init"));
    assert_int_equal(postgres_make(2, err, sizeof err), 0); /* while a channel is served */
    assert_non_null(strstr(s_postgres_said, "made table pending"));
    assert_non_null(strstr(s_postgres_said, "there is installation of 2 channel shards"));
    assert_non_null(strstr(s_postgres_said, "made installation of 2 bot shards"));
    assert_non_null(strstr(s_postgres_said, "made journal extension-1"));
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_STORED);
    journal_close(&journal);
    /* As that version makes it once more. */
    postgres_do("INSERT INTO postern.installation VALUES (true, '00000000-0000-7000-8000-"
                "000000000000', 1, 2) ON CONFLICT DO NOTHING");
    journal = s_open();
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 2);
    assert_int_equal(journal_retain(journal, &target, &keeps), RETENTION_TAKEN);
    journal_close(&journal);
    journal = s_open_bot();
    assert_int_equal(s_item(journal, s_store(journal, 3)).state, OUTBOX_PENDING);
    journal_close(&journal);
    assert_int_equal(postgres_make(2, err, sizeof err), 0);
    assert_null(strstr(s_postgres_said, "made"));
    assert_int_equal(postgres_make(3, err, sizeof err), -1);
    assert_non_null(strstr(err, "channel shards"));
}

static void *s_cut_often(void *arg)
{
    atomic_bool *stop = arg;
    while (!atomic_load(stop)) {
        usleep(20000);
        postgres_do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = "
                    "'postern_journal'");
    }
    return NULL;
}

/* Whatever was on its way when the connection was cut counts once. */
static void test_cuts_lose_and_double_no_note(void **state)
{
    enum { ROUNDS = 100, BATCH = 4 };
    (void)state;
    journal_t *journal = s_open_bot();
    atomic_bool stop = false;
    pthread_t thread;
    pthread_create(&thread, NULL, s_cut_often, &stop);
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned k = 0; k < BATCH; k++) {
            uint64_t log = s_store(journal, 1 + i * BATCH + k);
            journal_note_t note = s_outcome(journal, log, OUTBOX_PENDING);
            journal_note(journal, &note);
            note.state = k % 2 ? OUTBOX_DELIVERED : OUTBOX_DEAD;
            journal_note(journal, &note);
        }
        s_carry_out(journal);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    for (uint64_t log = 1; log <= ROUNDS * BATCH; log++)
        assert_int_equal(s_item(journal, log).attempts, 2);
    assert_int_equal(s_number("SELECT count(*) FROM postern.attempt_b0_1"), 2 * ROUNDS * BATCH);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).dead, ROUNDS * BATCH / 2);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).pending, 0);
    journal_close(&journal);
}

/* Another process takes the shard: what the first one notes then changes nothing, and ends it. */
static void test_who_lost_the_shard_notes_nothing(void **state)
{
    former_t before;
    (void)state;
    if (former_begin(&before)) {
        journal_t *former = s_open_bot();
        journal_note_t note = s_outcome(former, s_store(former, 1), OUTBOX_DELIVERED);
        former_lose(&before);
        journal_note(former, &note);
        journal_tend(former, s_now);
        _exit(0);
    }
    former_wait(&before);
    journal_t *journal = s_open_bot();
    former_end(&before);
    assert_int_equal(s_item(journal, 1).state, OUTBOX_PENDING);
    assert_int_equal(s_item(journal, 1).attempts, 0);
    journal_close(&journal);
}

/* A segment's items go when all have ended long ago; one that is pending keeps them. */
static void test_what_has_ended_is_forgotten(void **state)
{
    static const char rows[] = "SELECT count(*) FROM postern.ended_b0_1";
    static const char attempts[] = "SELECT count(*) FROM postern.attempt_b0_1";
    (void)state;
    journal_t *journal = s_open_bot();
    uint64_t ended = s_store(journal, 1), waits = s_store(journal, 2);
    journal_note_t note = s_outcome(journal, ended, OUTBOX_DEAD);
    journal_note(journal, &note);
    s_carry_out(journal);
    for (unsigned day = 0; day < 9; day++) {
        s_now += DAY;
        while (journal_tend(journal, s_now))
            ;
    }
    assert_int_equal(s_item(journal, ended).log, 0); /* nobody sees it, and it is there */
    assert_int_equal(s_number(rows), 1);
    note = s_outcome(journal, waits, OUTBOX_DELIVERED);
    journal_note(journal, &note);
    s_carry_out(journal);
    assert_int_equal(s_number(rows), 2);
    journal_close(&journal);
    journal = s_open_bot();
    assert_int_equal(s_item(journal, ended).log, 0);
    assert_int_equal(s_item(journal, waits).state, OUTBOX_DELIVERED);
    for (unsigned day = 0; day < 8; day++) {
        s_now += DAY;
        while (journal_tend(journal, s_now))
            ;
    }
    assert_int_equal(s_number(rows), 0);
    assert_int_equal(s_number(attempts), 0);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 2); /* the events are kept for longer */
    journal_close(&journal);
}

/* What a note posts, when the journal is closed. */
static void test_a_reply_that_the_closing_stores(void **state)
{
    char cause[RECORD_CAUSE];
    (void)state;
    journal_t *journal = s_open_bot();
    uuid_t7 event = s_uuid(1);
    journal_note_t note = s_outcome(journal, s_store(journal, 1), OUTBOX_DELIVERED);
    record_t reply = s_entry(1, 1001, "{}").record;
    reply.flags |= RECORD_REPLY;
    reply.headers = record_cause_write(1, &event, cause);
    note.reply = &reply;
    journal_note(journal, &note);
    journal_close(&journal);
    assert_int_equal(s_number("SELECT count(*) FROM postern.log_b0_1"), 2);
}

/* --- What a lane takes */

static load_t *s_taken;

static void s_done(load_t *load, bool dropped)
{
    assert_false(dropped);
    s_taken = load;
}

/* Of target 1, but the item at KNOWN, where that is not 0. */
static load_t *s_take(journal_t *journal, uint64_t known)
{
    uuid_t7 target = s_uuid(1);
    load_t *load = load_new(&target);
    load->events = true;
    load->now_ms = journal_running_ms(journal, s_now);
    if (known)
        load_pass_over(load, known, false);
    s_taken = NULL;
    assert_true(load_ask(load, journal, s_done));
    while (!s_taken) {
        struct pollfd fd = {.fd = journal_fd(journal), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 10000), 1);
        journal_turn(journal);
    }
    return load;
}

static void test_what_is_due_comes_in_one_read(void **state)
{
    (void)state;
    journal_t *journal = s_open_bot();
    for (unsigned i = 0; i < LOAD_ITEMS + 2; i++)
        s_store(journal, 1 + i);
    const struct {
        uint64_t known;
        uint64_t first;
    } cases[] = {{0, 1}, {1, 2}, {LOAD_ITEMS, 1}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t before = metric_get(METRIC_journal_reads_total);
        load_t *load = s_take(journal, cases[i].known);
        assert_int_equal(metric_get(METRIC_journal_reads_total) - before, 1);
        assert_true(load->len == LOAD_ITEMS && load->more);
        assert_int_equal(load->items[0].due.place.log, cases[i].first);
        for (unsigned k = 0; k < load->len; k++)
            assert_non_null(load->items[k].event);
        load_destroy(&load);
    }
    journal_close(&journal);
}

/* Behind what has left, and before what is put in again. */
static void test_a_read_begins_where_the_items_do(void **state)
{
    uuid_t7 target = s_uuid(1);
    (void)state;
    journal_t *journal = s_open_bot();
    uint64_t first = s_store(journal, 1);
    journal_note_t dead = s_outcome(journal, first, OUTBOX_DEAD), again = dead;
    s_now += 1000;
    uint64_t second = s_store(journal, 2);
    journal_note(journal, &dead);
    s_carry_out(journal);
    load_t *load = s_take(journal, 0);
    assert_true(load->len == 1 && load->items[0].due.place.log == second);
    assert_int_equal(fronts_begin(&journal->fronts, &target), load->items[0].due.place.order);
    load_destroy(&load);
    again.kind = NOTE_REVIVE;
    journal_note(journal, &again);
    s_carry_out(journal);
    load = s_take(journal, 0);
    assert_true(load->len == 2 && load->items[0].due.place.log == first);
    load_destroy(&load);
    journal_close(&journal);
}

/* Whoever may not read it, or meets what is damaged there, waits for who mends it. */
static void test_a_server_that_refuses_is_asked_again(void **state)
{
    (void)state;
    journal_t *journal = s_open_bot();
    s_store(journal, 1);
    postgres_do("REVOKE SELECT ON postern.pending FROM postern_journal");
    load_t *load = s_take(journal, 0);
    assert_true(load->len == 0 && !load->more);
    assert_int_equal(load->look_ms, load->now_ms + LOAD_AGAIN_MS);
    load_destroy(&load);
    postgres_do("GRANT SELECT ON postern.pending TO postern_journal");
    load = s_take(journal, 0);
    assert_true(load->len == 1 && load->items[0].event);
    load_destroy(&load);
    journal_close(&journal);
}

/* --- What comes from the other engine */

static journal_exported_t s_event(uint64_t log, outbox_state_t state)
{
    journal_exported_t event = {.placed = true,
                                .target = s_uuid(1),
                                .record = s_entry(1, (unsigned)log, "{}").record,
                                .log = log,
                                .delivers = true,
                                .course = {.state = state, .made = 1, .attempts = 1},
                                .attempts_len = 1,
                                .numbers = {1},
                                .attempts = {{.time_ms = 7, .answer = slice_of("no")}}};
    event.record.sequence = log;
    event.record.running_ms = DAY;
    event.record.key[0] = (uint8_t)log;
    return event;
}

static void s_give(taken_t *taken, journal_exported_t entry)
{
    if (taken_add(taken, &entry, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
}

/* Of each kind so few that all come in one transaction. */
static void s_give_all(taken_t *taken)
{
    static const uint64_t ages_ms[] = {HOUR, 7 * HOUR, 13 * HOUR, 19 * HOUR};
    const uuid_t7 target = s_uuid(1), bare = s_uuid(2);
    journal_exported_t changed = s_event(3, OUTBOX_DEAD);
    s_give(taken, s_event(1, OUTBOX_PENDING));
    s_give(taken, s_event(2, OUTBOX_DELIVERED));
    changed.record.root = changed.record.revision = 1;
    s_give(taken, changed);
    for (unsigned i = 0; i < sizeof ages_ms / sizeof *ages_ms; i++)
        s_give(taken, (journal_exported_t){.kind = EXPORT_KEY,
                                           .running_ms = DAY - ages_ms[i],
                                           .name = slice_of("a key"),
                                           .answer = {.log = JOURNAL_NUMBER | 2}});
    s_give(taken,
           (journal_exported_t){.kind = EXPORT_TARGET, .target = bare, .range = {.first = 8, 7}});
    s_give(taken, (journal_exported_t){
                      .kind = EXPORT_HANDLER, .target = target, .bytes = slice_of("a handler")});
    s_give(taken, (journal_exported_t){
                      .kind = EXPORT_RETENTION, .target = target, .bytes = slice_of("none")});
}

static void test_few_entries_of_each_kind_come_at_once(void **state)
{
    static port_t port;
    const cluster_t main = {.name = CLUSTER_MAIN, .connection = s_postgres};
    const carrier_options_t options = {
        .kind = "bot", .shards = 2, .clusters = &main, .clusters_len = 1, .home = "here", 1, DAY};
    const journal_facts_t facts = {
        .kind = "bot", .shards = 2, .running_ms = DAY, .numbers = 8, .bytes = 4096};
    (void)state;
    bool held = port_open(&port, &options, s_err, sizeof s_err) == 0 &&
                port_hold(&port, 0, s_err, sizeof s_err) == 0 &&
                port_clear(&port, s_err, sizeof s_err) == 0;
    if (!held)
        fail_msg("%s", s_err);
    taken_t *taken = taken_new(&port, &facts);
    s_give_all(taken);
    if (taken_end(taken, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
    taken_destroy(&taken);
    port_close(&port);
    assert_int_equal(s_number("SELECT count(*) FROM postern.log_b0_1"), 3);
    assert_int_equal(s_number("SELECT count(*) FROM postern.keys_b0_1"), 1);
    assert_int_equal(s_number("SELECT count(*) FROM postern.keys_b0_4"), 1);
    assert_int_equal(s_number("SELECT sequence FROM postern.target_floor"), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_database_of_the_version_before),      TEST(cuts_lose_and_double_no_note),
        TEST(who_lost_the_shard_notes_nothing),      TEST(what_has_ended_is_forgotten),
        TEST(a_reply_that_the_closing_stores),       TEST(what_is_due_comes_in_one_read),
        TEST(a_read_begins_where_the_items_do),      TEST(a_server_that_refuses_is_asked_again),
        TEST(few_entries_of_each_kind_come_at_once),
    };
    return cmocka_run_group_tests(tests, YARD_BEGIN, YARD_END);
}
