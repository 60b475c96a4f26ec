/* Replies on their way back: gathered by their origin, so that one drain of the worker sockets
 * becomes one batch an origin. An origin is the gateway thread that holds the connection, or, of
 * entries that Postern itself sends, an authd.
 *
 * Threading: the router's one thread. */
#ifndef POSTERN_RETURNS_H
#define POSTERN_RETURNS_H

#include "common/link/link.h"

typedef struct returns returns_t;

returns_t *returns_new(void);
void returns_destroy(returns_t **self_p);
/* Where origins are looked for, in this order. */
enum { RETURNS_LINKS = 2 };
void returns_set_links(returns_t *self, link_t *const links[RETURNS_LINKS]);

/* Adds a reply for the peer whose instance is reply->origin; BODY (NULL for none) is moved. The
 * reply is dropped and counted when that instance is gone. */
void returns_add(returns_t *self, const wire_reply_t *reply, zmq_msg_t *body);
/* The same for the interim replies of MESSAGE, sent at once: one batch for those of one origin that
 * follow one another. */
void returns_interim(returns_t *self, const wire_message_t *message);

/* Sends what was gathered. */
void returns_flush(returns_t *self);

#endif
