/* The journal of a shard in PostgreSQL as it goes to another engine, or comes from one: held like a
 * worker's, by lease and epoch, without a worker's threads.
 *
 * What is said of a kind stands in the table installation, in its count of shards: a worker of any
 * version starts by the plain count alone. What came of a journal, and whether all of it did,
 * stands in kept.
 *
 * Threading: one thread, beside the lease's. 0, or -1 with the reason in err. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_PORT_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_PORT_H

#include "workers/journal/carry.h"
#include "workers/journal/postgres/carrier.h"
#include "workers/journal/postgres/postgres.h"

enum { PORT_MS = 600000 }; /* that an exchange may take */

enum { PORT_SHARDS = 256 };     /* most of a kind */
enum { RETENTION_NUMBERS = 4 }; /* that an EXPORT_RETENTION has */
enum { KEPT_CAME = 100 };       /* in kept, beside noting.c's */

typedef struct {
    journal_t journal;         /* its session, tables, epoch and clock; nothing else of it lives */
    session_t marks[CLUSTERS]; /* to each cluster, for what is said of the kind */
    unsigned char at[PORT_SHARDS]; /* the clusters of the shards that were held */
    journal_facts_t facts;
    bool empty;
    bool comes;           /* it is written anew, or may be */
    journal_facts_t came; /* of what all of it is a copy; else zeros */
} port_t;

/* Connects, to servers that will do. */
int port_open(port_t *self, const carrier_options_t *options, char *err, size_t err_size);
void port_close(port_t *self);
/* What is said of the kind: of several clusters INCOMING where one says so, else MOVED likewise. */
int port_look(port_t *self, carry_state_t *state, char *err, size_t err_size);
/* Says it, a cluster after the other; MOVED: only where the shards, all of which were held, have
 * the EPOCHS at which they were read. */
int port_set(port_t *self, carry_place_t place, const uint64_t *epochs, char *err, size_t err_size);

/* Takes a shard, and reads what it has; refused where a process serves it. */
int port_hold(port_t *self, unsigned shard, char *err, size_t err_size);
void port_leave(port_t *self);
/* Removes all that the shard has: what came before, or what it had when it went; refuses where it
 * is anything else. */
int port_clear(port_t *self, char *err, size_t err_size);
/* Notes what has come: all of FACTS, or, NULL, a part. */
int port_note(port_t *self, const journal_facts_t *facts, char *err, size_t err_size);

/* Says why a statement failed; -1. */
int port_say(port_t *self, const char *what, char *err, size_t err_size);
/* Carries out COUNT STATEMENTS in one transaction, of which the first is to be the fence. Keeps no
 * result. */
int port_do(port_t *self, statement_t *statements, unsigned count, char *err, size_t err_size);

/* given.c: the held journal's entries, in the order of EXPORT_. */
typedef struct given given_t;
given_t *given_new(port_t *port);
void given_destroy(given_t **self_p);
/* As journal_export_next. */
int given_next(given_t *self, const journal_exported_t **entry, char *err, size_t err_size);

/* taken.c: makes the held journal, which is clear, of the entries of the journal of FACTS. */
typedef struct taken taken_t;
taken_t *taken_new(port_t *port, const journal_facts_t *facts);
void taken_destroy(taken_t **self_p);
int taken_add(taken_t *self, const journal_exported_t *entry, char *err, size_t err_size);
/* After the last entry: the clock, and where the log goes on. */
int taken_end(taken_t *self, char *err, size_t err_size);

#endif
