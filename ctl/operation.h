/* Carries out what the row of a command says: the operation, what arguments, options and typed
 * secrets become of it, and how its answer is shown. What does more than one operation, or shows
 * its answer otherwise, has a function of its own that calls the parts. */
#ifndef POSTERN_CTL_OPERATION_H
#define POSTERN_CTL_OPERATION_H

#include "ctl/ctl.h"

/* The command's operation: of a bot or of an extension where the first argument says which. 0 after
 * an error was shown, when that is neither. */
unsigned operation_of(ctl_t *ctl);

/* The argument that is the target; "" where there is none. */
const char *operation_target(const ctl_t *ctl);

/* The fields that arguments and options give, and the secrets that were asked for. The caller's;
 * NULL with the exit status in *STATUS after an error was shown. Exits like ctl_number. */
json_t *operation_body(ctl_t *ctl, int *status);

/* All of it: the handler of rows that need no function of their own. */
int operation_run(ctl_t *ctl);

/* Carries it out with BODY (taken) and shows the answer. Returns the exit status. */
int operation_send(ctl_t *ctl, json_t *body);

/* operation_body, and the answer to it: the caller's, or NULL with the exit status in *STATUS after
 * the error was shown. A list comes whole, or as the page that --limit and --after name. */
json_t *operation_call(ctl_t *ctl, int *status);

/* Shows REPLY (taken), NULL after an error was shown. Returns the exit status. */
int operation_show(ctl_t *ctl, json_t *reply);

/* Adds SECRET (taken, wiped) to BODY as FIELD. False after the error was shown: there is none. */
bool operation_secret(ctl_t *ctl, json_t *body, const char *field, char *secret);

#endif
