/* Management operations over HTTP, on the admin listener of a gateway, as control.h carries them
 * out on the machine itself. Threading: one thread. */
#ifndef POSTERN_REMOTE_H
#define POSTERN_REMOTE_H

#include "ctl/control.h"

enum { REMOTE_TIMEOUT_MS = 20000 /* longer than a gateway lets a request wait */ };

/* Carries out OP on TARGET ("" for none) with BODY (borrowed, NULL for none) at URL, the base of
 * the admin API, with CREDENTIAL, a management token or a session; NULL for an operation that needs
 * none (CRED_OPEN). The reply's object, which is the caller's, or NULL with the error. A DELETE of
 * what is gone already returns an empty object. */
json_t *remote_call(const char *url, const char *credential, unsigned op, const char *target,
                    const json_t *body, control_error_t *error);

#endif
