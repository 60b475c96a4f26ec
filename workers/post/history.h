/* Reading back: a page of a target's messages, oldest or newest first, as JSON (docs/API). A page
 * ends at its limit or at HISTORY_BYTES, but has one message at least.
 *
 * Threading: pages are made by the journal's thread, all else is the caller's. */
#ifndef POSTERN_WORKERS_POST_HISTORY_H
#define POSTERN_WORKERS_POST_HISTORY_H

#include "workers/post/reading.h"

enum {
    HISTORY_LIMIT = 1000,
    HISTORY_LIMIT_DEFAULT = 100,
    HISTORY_WAIT_S = 30, /* longest that an empty page is held */
    HISTORY_BYTES = 1 << 20,
    HISTORY_MOST_BYTES = 3 << 20, /* a message larger than this is shown without its body */
};

/* The id of a message as senders see it: "<time>_<number>", unique over all shards of a kind.
 * Written in quotes. */
void history_id(json_out_t *out, const shard_t *shard, int64_t time_ms, uint64_t log);

/* Parts of an event, as they are shown and as handlers get them: an object of pairs, in which a
 * name that stands several times is an array (LISTS) or a string with commas; who sent it;
 * "sandbox", "marketplace" or null. */
void history_pairs(json_out_t *out, slice_t encoded, bool lists);
void history_user(json_out_t *out, const record_t *record);
const char *history_environment(unsigned environment);

/* One message, as a page has it. */
void history_row(json_out_t *out, const shard_t *shard, uint64_t log, const record_t *record);

/* Reads the job's params (docs/API): the job becomes a JOB_READ or is refused. */
void history_prepare(job_t *job);

/* The page of a reading, oldest or newest first: its look. One that begins with the oldest is
 * refused when its cursor has expired. */
void history_look_oldest(reading_t *self, journal_reader_t *reader);
void history_look_newest(reading_t *self, journal_reader_t *reader);

/* The sequences that a reading is about, by what was stored so far. */
typedef struct {
    uint64_t from;   /* the first, 0: the oldest */
    uint64_t before; /* the one behind the last, UINT64_MAX: none is left out */
} history_bounds_t;
void history_bounds(const reading_t *self, journal_reader_t *reader, history_bounds_t *bounds);

/* The sequence with which the newest COUNT messages begin that are shown, of those AMONG, whose
 * first is 1 or more; its first where there are fewer. HISTORY_LOOKED sequences are looked at; what
 * lies before them counts by its sequences. */
enum { HISTORY_LOOKED = 4096 };
uint64_t history_begin(journal_reader_t *reader, const uuid_t7 *target, const journal_view_t *shown,
                       const journal_range_t *among, uint64_t count);

/* Reads what is shown of messages out of the params. False: the job is refused. */
bool history_read_view(job_t *job);
/* Finds the thread that a reading names. False: there is none, and the reading is refused. */
bool history_find_thread(reading_t *self, journal_reader_t *reader);

/* Reads a message's id, "<time>_<number>"; false when it is none. */
bool history_name(slice_t text, journal_name_t *name);

/* Reads decimal digits as a number from 1 to MAX; false when they are none. */
bool history_digits(slice_t text, uint64_t max, uint64_t *number);
/* Reads a parameter (job_param) as a number from 1 to MAX; false when it is no such number. A
 * missing parameter leaves *number alone. */
bool history_number(job_t *job, const char *name, uint64_t max, uint64_t *number);

#endif
