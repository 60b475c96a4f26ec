/* Changes that other hosts have made, where the directory has copies: a gateway, or a caller by its
 * Idempotency-Key, may have sent a request there as well. Threading: a thread and its view. */
#ifndef POSTERN_AUTHD_MANAGE_MADE_H
#define POSTERN_AUTHD_MANAGE_MADE_H

#include "authd/manage/task.h"
#include "common/base/ops.h"

/* What a request is told whose change was made before. */
extern const char made_answer_lost[];

typedef struct {
    uuid_t7 id;    /* of the request; nil: it has none */
    uuid_t7 key;   /* of user and Idempotency-Key, likewise */
    uint64_t seen; /* the audit's last row that was looked at for both */
} made_t;

/* In the transaction of OP's change, which holds all changes that were made before: refuses it
 * where one behind the rows that were looked at is of the same request or key. */
error_code_t made_before(task_t *task, const op_t *op, const made_t *made);

#endif
