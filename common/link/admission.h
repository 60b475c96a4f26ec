/* Whom a bound socket lets in by HELLO. Private to common/link. */
#ifndef POSTERN_LINK_ADMISSION_H
#define POSTERN_LINK_ADMISSION_H

#include "common/wire/wire.h"

/* The roles of a proof: of a public key by the allow list, of a user by its kind (uid.h). */
unsigned admission_roles(const char *key);

/* Why a HELLO cannot be accepted, 0 when it can; *why is a sentence for the log. peer_roles: of the
 * endpoint; KEY: the public key that the connection has proved, or the user; NULL where neither is
 * asked for. */
wire_goodbye_t admission_objection(const wire_hello_t *hello, unsigned peer_roles, const char *key,
                                   const char **why);

#endif
