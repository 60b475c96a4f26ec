/* Tells the workers of handlers, and of what targets keep by themselves (retentions.h), as entries
 * of their own to the worker that owns the target. The record of one that was changed is sent until
 * the worker has answered, which the worker does when it has kept the record. All records are sent
 * at the start and every ten minutes from then on, a few at once, for a worker that lost what it
 * kept (a restored journal, a new key); records of a shard that does not answer wait for the next
 * time. A record is read from the directory each time it is sent, so the last one that is sent is
 * the newest.
 *
 * Threading: push_note by any thread; the rest by the main one. */
#ifndef POSTERN_AUTHD_ADMIN_PUSH_H
#define POSTERN_AUTHD_ADMIN_PUSH_H

#include "authd/directory/directory.h"
#include "authd/judge/forward.h"

typedef struct push push_t;

/* The arguments are borrowed. SELF: our instance to routers, the origin of the entries. */
push_t *push_new(directory_t *directory, forward_t *forward, const uint64_t *self);
void push_destroy(push_t **self_p);

/* The handler of TARGET, or what it keeps, was changed, and the change is committed. */
void push_note(push_t *self, const uuid_t7 *target);

/* Sends what is due; call it a few times a second. WALKS: also what the walk through all finds,
 * which is one authd's. */
void push_tick(push_t *self, int64_t now_ms, bool walks);
/* A reply to one of the entries; others are ignored. */
void push_answered(push_t *self, const wire_reply_t *reply);

#endif
