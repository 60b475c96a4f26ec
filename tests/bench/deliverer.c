/* Journal, writer and deliveries of a bot worker, driven by lines on standard input; for the tests
 * of deliveries with real servers.
 *
 *   deliverer DIRECTORY [NAME=VALUE]...      allow, authorities, calls, timeout_ms, time_scale
 *
 *   handler TARGET VERSION URL CONCURRENCY ORDERED BOUND_S [SECRET]...   "-": no URL; ORDERED: 0, 1
 *   event TARGET ID BODY   says "stored ID" once it is durable
 *   list TARGET            says an item a line, and "end"
 *   revive TARGET LOG
 *   metrics                says "NAME VALUE" a line, and "end"
 *
 * Targets and ids are numbers. After the end of input it goes on until SIGTERM. */
#include "common/base/clock.h"
#include "common/monitor/monitor.h"
#include "common/wire/handler.h"
#include "workers/delivery/lane.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE = 8192, EVENTS = 256 };

typedef struct {
    unsigned target, id;
    char body[LINE];
    journal_entry_t entry;
} stored_event_t;

typedef struct {
    journal_t *journal;
    handlers_t *handlers;
    delivery_t *delivery;
    stored_event_t events[EVENTS];
    journal_entry_t *entries[EVENTS];
    unsigned out, waiting; /* the writer has the first ones, the others wait behind them */
    char input[1 << 16];
    size_t input_len;
} deliverer_t;

static volatile sig_atomic_t s_stop;

static void s_on_signal(int signal)
{
    (void)signal;
    s_stop = 1;
}

static uuid_t7 s_uuid(unsigned number)
{
    uuid_t7 id = {{0}};
    for (unsigned i = 0; i < 4; i++)
        id.bytes[15 - i] = (uint8_t)(number >> 8 * i);
    return id;
}

static void s_handler(deliverer_t *self, char *args)
{
    char *word[6], *secret;
    for (unsigned i = 0; i < 6; i++)
        assert((word[i] = strsep(&args, " ")));
    wire_handler_t handler = {
        .version = strtoull(word[1], NULL, 10),
        .url = slice_of(strcmp(word[2], "-") == 0 ? "" : word[2]),
        .name = slice_of("builds"),
        .concurrency = strtoull(word[3], NULL, 10),
        .ordered = word[4][0] == '1',
        .bound_s = strtoull(word[5], NULL, 10),
    };
    while ((secret = strsep(&args, " ")))
        handler.secret[handler.secrets++].text = slice_of(secret);
    pack_t record = {0};
    wire_handler_encode(&record, &handler);
    uuid_t7 target = s_uuid((unsigned)atoi(word[0]));
    int rc = handlers_learn(self->handlers, &target, slice(record.data, record.len), clock_ms());
    assert(rc == 0);
    pack_wipe(&record);
}

static void s_event(deliverer_t *self, char *args)
{
    assert(self->waiting < EVENTS);
    stored_event_t *event = &self->events[self->waiting++];
    event->target = (unsigned)atoi(strsep(&args, " "));
    event->id = (unsigned)atoi(strsep(&args, " "));
    snprintf(event->body, sizeof event->body, "%s", args);
    event->entry = (journal_entry_t){.record = {.op = 3,
                                                .method = 4,
                                                .time_ms = clock_wall_ms(),
                                                .id = s_uuid(event->id),
                                                .target = s_uuid(event->target),
                                                .name = slice_of("Ann"),
                                                .access = slice_of("builds"),
                                                .body = slice_of(event->body)}};
    record_t *record = &event->entry.record;
    record->flags = RECORD_EVENT;
    if (delivery_wants(self->delivery, &record->target))
        record->flags |= RECORD_DELIVER;
}

static void s_attempt(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    (void)arg;
    printf(" %u:%s:%u", number, delivery_outcome_name(attempt->outcome), attempt->status);
}

static bool s_item(void *arg, const outbox_item_t *item)
{
    outbox_item_t **end = arg;
    *(*end)++ = *item;
    return true;
}

static void s_list(deliverer_t *self, char *args)
{
    static outbox_item_t items[10000];
    static const char *const states[] = {"?", "pending", "delivered", "dead"};
    outbox_item_t *end = items;
    uuid_t7 target = s_uuid((unsigned)atoi(args));
    const char *why;
    journal_items(journal_reader(self->journal), &target, UINT64_MAX, false, s_item, &end);
    for (outbox_item_t *item = items; item < end; item++) {
        printf("%" PRIu64 " %u %s", item->log, item->id.bytes[15] | item->id.bytes[14] << 8,
               states[item->state]);
        journal_attempts(journal_reader(self->journal), item->log, s_attempt, NULL);
        printf("\n");
    }
    printf("standing %u\nend\n", delivery_standing(self->delivery, &target, &why));
}

static void s_revive(deliverer_t *self, char *args)
{
    uuid_t7 target = s_uuid((unsigned)atoi(strsep(&args, " ")));
    delivery_revive(self->delivery, &target, strtoull(args, NULL, 10), clock_ms());
}

static void s_metrics(deliverer_t *self, char *args)
{
    (void)self, (void)args;
    static const struct {
        const char *name;
        metric_t metric;
    } rows[] = {
        {"delivered", METRIC_delivered_total},    {"refused", METRIC_delivery_refused_total},
        {"failed", METRIC_delivery_failed_total}, {"buried", METRIC_delivery_dead_total},
        {"due", METRIC_deliveries_due},           {"delayed", METRIC_deliveries_delayed},
        {"dead", METRIC_deliveries_dead},         {"oldest_ms", METRIC_delivery_oldest_seconds},
        {"open", METRIC_handlers_open},           {"disabled", METRIC_handlers_disabled},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%s %" PRId64 "\n", rows[i].name, metric_get(rows[i].metric));
    printf("end\n");
}

static const struct {
    const char *name;
    void (*run)(deliverer_t *self, char *args);
} s_commands[] = {
    {"handler", s_handler}, {"event", s_event},     {"list", s_list},
    {"revive", s_revive},   {"metrics", s_metrics},
};

static void s_run(deliverer_t *self, char *line)
{
    char *args = line, *name = strsep(&args, " ");
    for (size_t i = 0; i < sizeof s_commands / sizeof *s_commands; i++)
        if (strcmp(name, s_commands[i].name) == 0) {
            s_commands[i].run(self, args ? args : line + strlen(line));
            return;
        }
    assert(!"a command");
}

/* False at the end of input. Needs room. */
static bool s_read(deliverer_t *self)
{
    ssize_t len = read(0, self->input + self->input_len, sizeof self->input - self->input_len);
    if (len <= 0)
        return false;
    self->input_len += (size_t)len;
    return true;
}

/* Runs the lines that have come whole. */
static void s_run_lines(deliverer_t *self)
{
    char *from = self->input, *end = self->input + self->input_len, *line_end;
    while (self->waiting < EVENTS && (line_end = memchr(from, '\n', (size_t)(end - from)))) {
        *line_end = '\0';
        s_run(self, from);
        from = line_end + 1;
    }
    self->input_len = (size_t)(end - from);
    memmove(self->input, from, self->input_len);
    fflush(stdout);
}

static void s_write(deliverer_t *self)
{
    if (journal_finished(self->journal)) {
        for (unsigned i = 0; i < self->out; i++) {
            const journal_entry_t *entry = &self->events[i].entry;
            printf("stored %u\n", self->events[i].id);
            if (entry->outcome == JOURNAL_STORED && entry->record.flags & RECORD_DELIVER)
                delivery_stir(self->delivery, &entry->record.target, entry->answer.log);
        }
        fflush(stdout);
        self->waiting -= self->out;
        memmove(self->events, self->events + self->out, self->waiting * sizeof(stored_event_t));
        for (unsigned i = 0; i < self->waiting; i++)
            self->events[i].entry.record.body = slice_of(self->events[i].body);
        self->out = 0;
    }
    if (!journal_is_idle(self->journal) || self->waiting == 0)
        return;
    self->out = self->waiting;
    for (unsigned i = 0; i < self->out; i++)
        self->entries[i] = &self->events[i].entry;
    journal_submit(self->journal, self->entries, self->out);
}

static void s_loop(deliverer_t *self)
{
    bool reads = true;
    while (!s_stop) {
        bool room = self->input_len < sizeof self->input;
        struct pollfd items[] = {{.fd = reads && room ? 0 : -1, .events = POLLIN},
                                 {.fd = journal_submit_fd(self->journal), .events = POLLIN},
                                 {.fd = delivery_fd(self->delivery), .events = POLLIN},
                                 {.fd = journal_fd(self->journal), .events = POLLIN}};
        poll(items, 4, delivery_wait_ms(self->delivery));
        if (items[0].revents)
            reads = s_read(self);
        s_run_lines(self);
        s_write(self);
        journal_turn(self->journal);
        delivery_turn(self->delivery, clock_ms(), false);
    }
}

static const char *s_option(char **argv, const char *name, const char *otherwise)
{
    size_t len = strlen(name);
    for (; *argv; argv++)
        if (strncmp(*argv, name, len) == 0 && (*argv)[len] == '=')
            return *argv + len + 1;
    return otherwise;
}

int main(int argc, char **argv)
{
    static deliverer_t self;
    char err[512] = "no directory", key[4300];
    assert(argc >= 2);
    snprintf(key, sizeof key, "%s.key", argv[1]);
    signal(SIGTERM, s_on_signal);
    journal_options_t journal = {.path = argv[1],
                                 .kind = "bot",
                                 .shards = 1,
                                 .room_bytes = 256 << 20,
                                 .keys = 1000,
                                 .retention_ms = 86400000,
                                 .delivery_retention_ms = 86400000};
    self.journal = journal_open(&journal, clock_ms(), err, sizeof err);
    if (self.journal)
        self.handlers = handlers_new(self.journal, key, NULL, clock_ms(), err, sizeof err);
    delivery_options_t options = {
        .journal = self.journal,
        .handlers = self.handlers,
        .shard = {0, 1},
        .allow = s_option(argv, "allow", "127.0.0.0/8"),
        .authorities = s_option(argv, "authorities", ""),
        .calls = (unsigned)atoi(s_option(argv, "calls", "1024")),
        .timeout_ms = (unsigned)atoi(s_option(argv, "timeout_ms", "15000")),
        .time_scale = (unsigned)atoi(s_option(argv, "time_scale", "1")),
    };
    if (self.handlers)
        self.delivery = delivery_new(&options, clock_ms(), err, sizeof err);
    if (!self.delivery) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    journal_start(self.journal, clock_ms);
    s_loop(&self);
    delivery_destroy(&self.delivery);
    handlers_destroy(&self.handlers);
    journal_close(&self.journal);
    return 0;
}
