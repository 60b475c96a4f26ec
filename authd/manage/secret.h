/* Secrets of handlers, outlets and sources in the operations of management: how they are shown, and
 * those that Postern makes to sign with, of which HANDLER_SECRETS may live at once.
 *
 * Threading: the thread of manage.h. */
#ifndef POSTERN_AUTHD_MANAGE_SECRET_H
#define POSTERN_AUTHD_MANAGE_SECRET_H

#include "authd/directory/handlers.h"
#include "authd/manage/task.h"
#include "common/base/whsec.h"

enum { SECRET_OVERLAP_S = 24 * 3600, SECRET_OVERLAP_MOST_S = 7 * 24 * 3600 };

/* When those of COUNT secrets that live at NOW_MS (0: all) were made and end. */
json_t *secret_json(const sealed_t *secret, unsigned count, uint64_t now_ms);

/* Room for a secret that is made. */
typedef struct {
    char text[WHSEC_TEXT]; /* "whsec_…"; "": none was made. Wipe it */
    uint8_t sealed[WHSEC_TEXT + SEALING_OVERHEAD];
} secret_made_t;

/* Makes one, and puts it behind *COUNT others, fewer than HANDLER_SECRETS. What is put points into
 * MADE. */
void secret_make(task_t *task, sealed_t *secret, unsigned *count, secret_made_t *made);
/* Makes one, too; the others end after the argument "overlap" (seconds). conflict: the most are
 * live. */
error_code_t secret_rotate(task_t *task, sealed_t *secret, unsigned *count, secret_made_t *made);

#endif
