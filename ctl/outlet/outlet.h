/* What the commands of outlets share. Threading: one thread. */
#ifndef POSTERN_CTL_OUTLET_H
#define POSTERN_CTL_OUTLET_H

#include "ctl/ctl.h"

/* The secret of --secret-file, without its line end; the caller wipes and frees it. NULL: there is
 * none, or after an error was shown, which *STATUS says. */
char *outlet_token(ctl_t *ctl, int *status);

#endif
