/* What becomes of a message that may have come before: the rules alone. An engine looks its id and
 * its key up, asks here, and does what it is told; when it finds both out and stores in one step,
 * it may ask with less, as seen_decide says. Threading: no state, any thread. */
#ifndef POSTERN_WORKERS_JOURNAL_SEEN_H
#define POSTERN_WORKERS_JOURNAL_SEEN_H

#include "workers/journal/journal.h"

/* What is kept of a dedupe key. */
typedef struct {
    uint8_t hash[JOURNAL_HASH];
    uint64_t age_ms; /* by the running clock */
    journal_answer_t answer;
} seen_key_t;

/* What there is room for. */
typedef struct {
    bool record, key; /* key: another one */
} seen_room_t;

/* A key that is taken anew by the next message that has it. */
bool seen_key_expired(const seen_key_t *key);

/* Decides about an entry: its outcome, and of RESENT and REPLAYED the answer. STORED is yet to be
 * done by the engine, with the key in the place of an expired one.
 *
 * HIT: how its id was answered, KEY_HIT: what is kept of its key; NULL: it is not there, or is not
 * known yet. KEY_HIT counts without HIT only. When the id is found while it is stored, another call
 * with HIT puts that right. */
void seen_decide(const journal_answer_t *hit, const seen_key_t *key_hit, seen_room_t room,
                 journal_entry_t *entry);

#endif
