/* Whether the messages of a target are what its records make of them (workers/journal/journal.h,
 * journal_change_t): a model of it, made of the records alone. */
#ifndef POSTERN_TEST_CHECK_MESSAGES_H
#define POSTERN_TEST_CHECK_MESSAGES_H

#include "workers/journal/messages.h"

/* 0, or -1 after it has printed what is wrong. For a target whose records are all there. */
int check_messages(journal_t *journal, const uuid_t7 *target);

#endif
