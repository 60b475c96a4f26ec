/* The dedupe key of an accepted request. Private to authd/judge. */
#ifndef POSTERN_AUTHD_JUDGE_DEDUPE_H
#define POSTERN_AUTHD_JUDGE_DEDUPE_H

#include "authd/judge/verdict.h"

/* Adds it to the principal where the request has an Idempotency-Key that counts: BLAKE2b-256 over
 * user, operation as two bytes, target and the sender's key (docs/PROTOCOL.md). It lies in the
 * judge up to its next request. */
void dedupe_add(judge_t *judge, wire_request_t *request);

#endif
