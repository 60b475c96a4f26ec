/* Submitting, and waiting until that is finished. Threading: the main thread. */
#ifndef POSTERN_CONFORMANCE_SUBMIT_H
#define POSTERN_CONFORMANCE_SUBMIT_H

#include "workers/journal/journal.h"

/* Returns how many were stored. */
size_t submit_all(journal_t *journal, journal_entry_t **entries, size_t count);

#endif
