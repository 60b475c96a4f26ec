/* A connection to authd's control socket (DEALER link, role CONTROL) for management operations, one
 * at a time. Threading: one thread; never in a process that forks afterwards. */
#ifndef POSTERN_CONTROL_H
#define POSTERN_CONTROL_H

#include "common/conf/conf.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct control control_t;

enum { CONTROL_TIMEOUT_MS = 5000 };

typedef struct {
    unsigned code;     /* of errors.def; 0: authd was not reached or did not answer */
    char name[32];     /* "token_limit"; "unreachable" for code 0 */
    char message[512]; /* for people */
} control_error_t;

/* PATIENT: waits the whole timeout for an authd that is not there (authd may be restarting);
 * otherwise a socket that nobody serves is an error at once. NULL with the reason in error. */
control_t *control_new(const conf_t *conf, bool patient, control_error_t *error);
void control_destroy(control_t **self_p);

/* Carries out OP on TARGET ("" for none) with BODY (borrowed, NULL for none). The reply's object,
 * which is the caller's, or NULL with the error. */
json_t *control_call(control_t *self, unsigned op, const char *target, const json_t *body,
                     control_error_t *error);

#endif
