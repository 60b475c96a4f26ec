/* The answers to the newest changes that came over HTTP, by the id of the request, or by the id of
 * its key (keyed.h): a gateway that had no reply sends the same request again, and is given the
 * same answer. Answers may hold a secret that shows once, so an answer is wiped when nobody can ask
 * for it any more, or when there is no room.
 *
 * Threading: one thread. */
#ifndef POSTERN_AUTHD_MANAGE_ANSWERS_H
#define POSTERN_AUTHD_MANAGE_ANSWERS_H

#include "authd/manage/manage.h"

enum {
    ANSWERS_MOST = 1024,
    ANSWERS_BYTES = 8 << 20, /* of their bodies */
    ANSWERS_KEPT_MS = 70000, /* longer than any request waits (gateway.deadline_ms) */
};

typedef struct answers answers_t;

answers_t *answers_new(void);
void answers_destroy(answers_t **self_p);

/* Keeps ANSWER, and takes its body, until END_MS (of clock_ms). Returns the kept answer, valid
 * until the next call. */
const manage_answer_t *answers_keep(answers_t *self, const uuid_t7 *id, manage_answer_t *answer,
                                    int64_t end_ms);
/* NULL when no answer of this id is kept. */
const manage_answer_t *answers_find(const answers_t *self, const uuid_t7 *id);
/* Wipes the answers whose end has come. */
void answers_tick(answers_t *self, int64_t now_ms);

#endif
