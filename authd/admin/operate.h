/* Operations of senders that whoever opened the control socket carries out without a token:
 * reading back, the delivery log, one more attempt. Each is a row of the audit, written before the
 * entry goes into the ring (authd/admin/reads.h).
 *
 * Threading: the control socket's thread. */
#ifndef POSTERN_AUTHD_ADMIN_OPERATE_H
#define POSTERN_AUTHD_ADMIN_OPERATE_H

#include "authd/admin/reads.h"
#include "authd/judge/verdict.h"

typedef struct operate operate_t;
/* The arguments are borrowed. */
operate_t *operate_new(directory_t *directory, reads_t *reads);
void operate_destroy(operate_t **self_p);

/* Whether OP is one of these operations. */
bool operate_takes(unsigned op);
/* REQUEST with BODY, a JSON object whose members are the operation's parameters. ERROR_none: the
 * answer comes by reads_take; else MESSAGE (MANAGE_MESSAGE bytes) may say more than the table. */
error_code_t operate_ask(operate_t *self, const wire_request_t *request, slice_t body,
                         char *message);

#endif
