/* Judges what comes by the admin listener to the operations of senders (PERSON in common/ops.def):
 * by a session or a management token in the place of the webhook token. A role opens nothing here.
 * Who has no right to see a target is told the same whether it is there or not. Private to
 * verdict.c. Threading: as verdict.h. */
#ifndef POSTERN_AUTHD_JUDGE_PERSON_H
#define POSTERN_AUTHD_JUDGE_PERSON_H

#include "authd/judge/case.h"

/* By the credential of the request: fills the token of SELF with what a token of the user's would
 * be, whose id is that of the session or of the management token. */
error_code_t person_authenticate(case_t *self);
/* The same by that id, for what was granted. */
error_code_t person_again(case_t *self, const uuid_t7 *id);

/* What is told of the CODE with which a target was refused, instead. */
error_code_t person_refuse(case_t *self, rule_t rule, error_code_t code);

/* What was accepted goes on as the operation AS; a stream keeps its own, by which it is judged
 * again. A page needs the id of what it posts: sync_message is true unless the query says
 * otherwise. */
void person_fill(case_t *self, unsigned as);

/* The targets of PERSON's rows: by name or id, a user also by "me", an outlet by its id. */
find_fn person_find_place, person_find_extension, person_find_user, person_find_outlet,
    person_find_reader;

#endif
