/* What has changed of deliveries lately, for hints in streams (common/stream/hint.h): a ring of the
 * last NEWS_KEPT changes, in memory. A lane asks for those behind a number that it was told; one
 * that is too far behind, or that another process has told, is told to ask for all. A change is
 * told when it is committed, so that who asks for the delivery then sees it.
 *
 * Threading: the main thread. */
#ifndef POSTERN_WORKERS_DELIVERY_NEWS_H
#define POSTERN_WORKERS_DELIVERY_NEWS_H

#include "common/stream/found.h"
#include "workers/journal/outbox.h"
#include "workers/post/interest.h"

enum { NEWS_KEPT = 4096 };

typedef struct news news_t;

news_t *news_new(void);
void news_destroy(news_t **self_p);

/* A change that the note NOTE (0: none) or the record at LOG commits. STATUS: 0: none; OUTCOME:
 * NULL: no attempt was made. */
void news_add(news_t *self, const uuid_t7 *target, uint64_t log, uint64_t note,
              outbox_state_t state, const char *outcome, unsigned status);

/* Those of TARGETS that ASK does not know. */
void news_tell(const news_t *self, const journal_t *journal, const ask_t *ask,
               const interest_t *targets, found_t *found, bytes_t *rows);

#endif
