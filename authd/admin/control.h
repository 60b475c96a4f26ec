/* The control socket and the directory's writer, on a thread of its own: management operations from
 * posternctl and from the admin listeners (admin.h), what tokens were used for (usage.h),
 * inspection of the store (each 30 s). Commits wait for the disk here, never in the loop that
 * judges requests.
 *
 * Threading: start and stop belong to the main thread. */
#ifndef POSTERN_AUTHD_ADMIN_CONTROL_H
#define POSTERN_AUTHD_ADMIN_CONTROL_H

#include "authd/admin/hearing.h"
#include "authd/admin/push.h"
#include "authd/admin/reads.h"
#include "authd/copies/copies.h"
#include "authd/directory/directory.h"
#include "authd/judge/usage.h"
#include "common/conf/conf.h"

typedef struct control control_t;

/* What the main thread has for this one, and the other way. */
typedef struct {
    usage_t *usage;
    push_t *push;
    reads_t *reads;
    hearing_t *hearing;
    copies_t *copies; /* NULL: there are none */
} control_uses_t;

/* Binds authd.control and authd.admin, and starts the thread. The arguments are borrowed until
 * control_stop. Exits when it cannot bind. */
control_t *control_start(const conf_start_t *start, directory_t *directory,
                         const control_uses_t *uses);
/* Ends the thread, and writes all usage that was gathered. */
void control_stop(control_t **self_p);

#endif
