/* Opens journals as power cuts left them: check_journal KIND SHARD SHARDS TARGET… < PATHS
 *
 * Prints each record, "R SEQUENCE BODY", looks whether messages and their revisions are what the
 * records say (check_messages.h), then stores new ones, sends an old one again, opens once
 * more and finds all of them. power.py compares the bodies with what was acknowledged. */
#include "common/base/clock.h"
#include "common/base/uuid.h"
#include "tests/chaos/check_messages.h"
#include "tests/chaos/each_cut.h"
#include "workers/journal/lmdb/writing.h"

#include <assert.h>
#include <inttypes.h>

enum { TARGETS = 64, NEW = 3 };

static journal_options_t s_options = {
    .room_bytes = 1u << 30, .keys = 1000000, .retention_ms = UINT64_C(30) * 86400000};
static uuid_t7 s_targets[TARGETS];
static unsigned s_len;

typedef struct {
    bool print;
    uint64_t next; /* the sequence that must come; 0: any */
    uint64_t log, last_log;
    uuid_t7 id; /* of the last one */
    unsigned wrong;
} walk_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    walk_t *walk = arg;
    if (walk->print)
        printf("R %" PRIu64 " %.*s\n", record->sequence, SLICE_ARG(record->body));
    walk->wrong += record->sequence != walk->next || log <= walk->last_log;
    walk->next = record->sequence + 1;
    walk->last_log = walk->log = log;
    walk->id = record->id;
    return walk->wrong == 0;
}

static int s_say(const char *what, uint64_t number)
{
    printf("BAD %s %" PRIu64 "\n", what, number);
    return -1;
}

/* Walks a target, whose sequences are dense from 1 to what its range says. */
static int s_walk(journal_t *journal, const uuid_t7 *target, walk_t *walk)
{
    journal_range_t range;
    walk->next = 1;
    walk->last_log = 0;
    journal_read(journal_reader(journal), target, 1, &range, s_each, walk);
    if (walk->wrong)
        return s_say("a sequence is not dense or the log not in order", walk->next);
    if (walk->next > 1 && (range.first != 1 || range.last != walk->next - 1))
        return s_say("the range ends elsewhere than the records", range.last);
    return 0;
}

static journal_entry_t s_entry(const uuid_t7 *target, const uuid_t7 *id)
{
    return (journal_entry_t){
        .record = {.op = 1,
                   .method = 4,
                   .flags = RECORD_MESSAGE,
                   .id = *id,
                   .target = *target,
                   .name = slice_of("Ann"),
                   .body = slice_of("{\"text\":\"after the cut\"}")},
        .answer = {.answer = 1},
    };
}

static int s_append(journal_t *journal, const uuid_t7 *target, const uuid_t7 *id,
                    journal_outcome_t wanted, uint64_t log)
{
    journal_entry_t entry = s_entry(target, id), *list = &entry;
    journal_append(journal, &list, 1, clock_ms());
    if (entry.outcome != wanted)
        return s_say("another outcome than expected", entry.outcome);
    return wanted == JOURNAL_RESENT && entry.answer.log != log
               ? s_say("a resend gets another answer", entry.answer.log)
               : 0;
}

/* What was there is known, and new ones are taken. */
static int s_go_on(journal_t *journal, const uuid_t7 *target)
{
    walk_t walk = {.print = true};
    uuid_t7 id;
    int rc = s_walk(journal, target, &walk);
    if (rc == 0)
        rc = check_messages(journal, target);
    if (rc == 0 && walk.next > 1)
        rc = s_append(journal, target, &walk.id, JOURNAL_RESENT, walk.log);
    for (unsigned i = 0; i < NEW && rc == 0; i++) {
        uuid_new(&id);
        rc = s_append(journal, target, &id, JOURNAL_STORED, 0);
    }
    walk_t again = {.print = false};
    if (rc == 0)
        rc = s_walk(journal, target, &again);
    return rc == 0 && again.next != walk.next + NEW ? s_say("new ones are missing", again.next)
                                                    : rc;
}

static journal_t *s_open(const char *path)
{
    char err[512];
    s_options.path = path;
    journal_t *journal = journal_open(&s_options, clock_ms(), err, sizeof err);
    if (!journal)
        printf("BAD does not open: %s\n", err);
    return journal;
}

static int s_look(const char *path)
{
    journal_t *journal = s_open(path);
    if (!journal)
        return -1;
    int rc = 0;
    for (unsigned i = 0; i < s_len && rc == 0; i++)
        rc = s_go_on(journal, &s_targets[i]);
    journal_close(&journal);
    if (rc != 0 || !(journal = s_open(path)))
        return -1;
    for (unsigned i = 0; i < s_len && rc == 0; i++) {
        walk_t walk = {.print = false};
        rc = s_walk(journal, &s_targets[i], &walk);
        if (rc == 0 && walk.next < NEW + 1)
            rc = s_say("new ones are gone after closing", walk.next);
    }
    journal_close(&journal);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc - 4 > TARGETS)
        return 2;
    s_options.kind = argv[1];
    s_options.shard = (unsigned)atoi(argv[2]);
    s_options.shards = (unsigned)atoi(argv[3]);
    for (int i = 4; i < argc; i++)
        if (uuid_parse(argv[i], strlen(argv[i]), &s_targets[s_len++]) != 0)
            return 2;
    const char *kind = s_options.kind;
    assert(kind && s_len > 0);
    return each_cut(s_look);
}
