/* Whom a bound socket lets in by HELLO. Private to common/link. Threading: no state, any thread. */
#ifndef POSTERN_LINK_ADMISSION_H
#define POSTERN_LINK_ADMISSION_H

#include "common/wire/wire.h"

/* The roles of a proof, as a bit set of keys.h: of a public key (Z85) by the allow list, of a user
 * (uid_proof) by its kind. 0: it may do nothing here. */
unsigned admission_roles(const char *key);

/* Why a HELLO cannot be accepted, 0 when it can. *why, a sentence for the log, is constant text.
 * peer_roles: bit set of 1 << wire_role_t that the endpoint takes. KEY: the proof of the
 * connection, a public key or a user; NULL where the endpoint asks for none. */
wire_goodbye_t admission_objection(const wire_hello_t *hello, unsigned peer_roles, const char *key,
                                   const char **why);

#endif
