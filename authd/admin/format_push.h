/* Tells every shard of every kind of worker which formats the installation has (kept_formats.h):
 * all of them at once, named by a hash of them. A shard is told when they were changed, until it
 * has answered; and it is asked at the start and every minute from then on whether it has them, for
 * a worker that lost what it kept. One that says it has others gets them. A worker of a version
 * that does not know of it answers that it cannot, and is asked now and then.
 *
 * Threading: the main thread's. */
#ifndef POSTERN_AUTHD_ADMIN_FORMAT_PUSH_H
#define POSTERN_AUTHD_ADMIN_FORMAT_PUSH_H

#include "authd/directory/directory.h"
#include "authd/judge/forward.h"

typedef struct format_push format_push_t;

/* The arguments are borrowed. SELF: our instance to routers, the origin of the entries. */
format_push_t *format_push_new(const conf_t *conf, directory_t *directory, forward_t *forward,
                               const uint64_t *self);
void format_push_destroy(format_push_t **self_p);

/* Looks whether the formats were changed, and sends what is due; call it a few times a second. */
void format_push_tick(format_push_t *self, int64_t now_ms);
/* A reply to one of the entries; others are ignored. */
void format_push_answered(format_push_t *self, const wire_reply_t *reply);

#endif
