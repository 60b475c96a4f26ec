/* What carries out journal_ask: a thread, the same for every engine, which starts when something is
 * asked first. journal_ask, journal_asked, journal_fd, journal_turn,
 * journal_watch and journal_stop are here.
 *
 * Threading: the main thread's, but asking_rose. */
#ifndef POSTERN_WORKERS_JOURNAL_ASK_H
#define POSTERN_WORKERS_JOURNAL_ASK_H

#include "workers/journal/journal.h"

typedef struct asking asking_t;

/* READER: the thread's, and the engine's to close when the asking is destroyed. */
asking_t *asking_new(journal_reader_t *reader);
void asking_destroy(asking_t **self_p);

/* The journal's tip has risen: has journal_turn called where that is watched. Any thread. */
void asking_rose(asking_t *self);

/* The engine's: the one that a journal has. */
asking_t *journal_asking(const journal_t *self);

/* Each engine's: what a journal_try that was false has met, JOURNAL_DAMAGED or JOURNAL_UNREACHED.
 */
journal_asked_t journal_tried(const journal_reader_t *self);

#endif
