/* The engine under test. The suite calls it through workers/journal/journal.h and outbox.h alone;
 * what it needs beside these is here. Each engine has a file of its own with these functions and
 * becomes a program with postern_conformance.
 *
 * Threading: the main thread, but subject_clock. */
#ifndef POSTERN_CONFORMANCE_SUBJECT_H
#define POSTERN_CONFORMANCE_SUBJECT_H

#include "workers/journal/outbox.h"

#include <stdatomic.h>

/* The clock, which the suite alone moves. */
extern atomic_int_fast64_t subject_now_ms;
int64_t subject_clock(void);

/* Histories of a run without arguments. */
extern const unsigned subject_histories;

/* What the program does besides, by its words, the first of which is no number. The exit status. */
int subject_do(int argc, char **argv);

/* Before the first journal, and after the last. 0, or -1 with the reason on stderr. */
int subject_begin(void);
void subject_end(void);

typedef struct {
    const char *kind;
    unsigned shard, shards;
    uint64_t keys, retention_ms, retention_bytes, delivery_retention_ms;
    journal_unowned_t unowned;
} subject_options_t;

/* Opens or makes the journal at PLACE, which is not started; NULL with the reason in err. */
journal_t *subject_open(const char *place, const subject_options_t *options, char *err,
                        size_t err_size);
/* Moves the clock on until all that was stored and noted is committed, and what is due has been
 * expired and retired. */
void subject_settle(journal_t *journal);
/* Nothing more can be stored, or there is room again. For this process. */
void subject_fill(bool full);

#endif
