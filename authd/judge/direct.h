/* The chat of two users, as a target of messages. Threading: the judge's. */
#ifndef POSTERN_AUTHD_JUDGE_DIRECT_H
#define POSTERN_AUTHD_JUDGE_DIRECT_H

#include "authd/directory/users.h"
#include "common/wire/wire.h"

/* The one that the request's target names: an active user, and for reading also one who has left,
 * by the id. */
bool direct_find(view_t *view, const wire_request_t *request, user_t *other);

/* Its id: BLAKE2b-128 over a word and both ids, the lower one first, as a UUID of version 8
 * (RFC 9562 §5.8): the same for both, and no other target's. */
void direct_chat(const uuid_t7 *one, const uuid_t7 *other, uuid_t7 *chat);

#endif
