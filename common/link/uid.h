/* Who is at the other end of an ipc connection, by the kernel's word, where each kind of process
 * has a user of its own: three kinds of workers connect to one socket, and none may say that it is
 * another. libzmq tells the user to ZAP, whose answer comes with every message as a key's does with
 * CURVE (User-Id); so a proof "uid:8" stands where a key's text does, with roles as a key has them.
 *
 * Private to common/link. Threading: uid_apply before there are messages; the others any thread. */
#ifndef POSTERN_LINK_UID_H
#define POSTERN_LINK_UID_H

#include "common/link/link.h"

/* Bound, in a directory of its own (hop.h). */
bool uid_applies(const link_options_t *options);

/* Notes whose user is which, and sets the ZAP domain. 0, or -1 with the reason in err. */
int uid_apply(void *socket, const link_options_t *options, char *err, size_t err_size);

/* The proof, of the address that ZAP tells of an ipc connection (…:UID:GID:PID). "" for any other.
 */
void uid_proof(const char *address, char text[32]);

/* Whether a text is such a proof. */
bool uid_is_proof(const char *text);

/* Its roles, as key_roles has them; root has all of them. */
unsigned uid_roles(const char *proof);

/* Whether it may have a name: one that begins with a kind is that kind's user's, or root's. */
bool uid_name(const char *proof, slice_t name);

#endif
