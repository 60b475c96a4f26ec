/* The answers to the newest changes that came over HTTP, by the id of the request, or that of its
 * key (keyed.h): a gateway that had no reply sends the same request again, and it gets the same
 * answer. They may hold a secret that shows once, so they are wiped when nobody can ask any more,
 * or when there is no room.
 *
 * Threading: one thread. */
#ifndef POSTERN_ANSWERS_H
#define POSTERN_ANSWERS_H

#include "authd/manage.h"

enum {
    ANSWERS_MOST = 1024,
    ANSWERS_BYTES = 8 << 20, /* of their bodies */
    ANSWERS_KEPT_MS = 70000, /* longer than any request waits (gateway.deadline_ms) */
};

typedef struct answers answers_t;

answers_t *answers_new(void);
void answers_destroy(answers_t **self_p);

/* Keeps ANSWER, whose body it takes, until END_MS (of clock_ms) and returns it as it is kept: valid
 * until the next call. */
const manage_answer_t *answers_keep(answers_t *self, const uuid_t7 *id, manage_answer_t *answer,
                                    int64_t end_ms);
/* NULL when there is none of this id. */
const manage_answer_t *answers_find(const answers_t *self, const uuid_t7 *id);
/* Wipes what has come to its end. */
void answers_tick(answers_t *self, int64_t now_ms);

#endif
