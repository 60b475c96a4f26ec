/* Whom a message is for whose sender names users (userids, user_ids): the names become ids here,
 * where the directory is, and the worker that checks the message decides whether they count.
 *
 * Threading: the judge's. */
#ifndef POSTERN_AUTHD_JUDGE_AUDIENCE_H
#define POSTERN_AUTHD_JUDGE_AUDIENCE_H

#include "authd/directory/places.h"
#include "common/wire/wire.h"

enum { AUDIENCE_MOST = 100 };

/* Puts what the userids of BODY and of the query name before the headers of REQUEST
 * (WIRE_AUDIENCE), in ROOM, to which they then point. Each must be among the people of PLACE, or
 * its owner. Without userids nothing is done: a body without that word is not read. */
void audience_add(view_t *view, place_kind_t kind, const place_t *place, wire_request_t *request,
                  slice_t body, pack_t *room);

#endif
