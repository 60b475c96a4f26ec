/* The common part of the commands "bot handler" and "extension handler". OF_APP: the handler is
 * that of an extension's app, which --environment names. */
#ifndef POSTERN_CTL_MANAGE_HANDLER_H
#define POSTERN_CTL_MANAGE_HANDLER_H

#include "ctl/ctl.h"

/* {"environment"}: --environment, or the sandbox. */
json_t *handler_which(ctl_t *ctl);

/* Sets the handler of the first argument to the URL of the second, with the options that are there.
 */
int handler_set(ctl_t *ctl, unsigned op, bool of_app);
/* Makes a new secret; the former ones go on signing for --overlap. */
int handler_rotate(ctl_t *ctl, unsigned op, bool of_app);

#endif
