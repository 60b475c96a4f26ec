/* The demo data of `posternctl up --demo`: a user, a channel, a bot and an extension, made where
 * they are missing, and a new token each time in place of the former one. Threading: one thread. */
#ifndef POSTERN_CTL_HOST_DEMO_H
#define POSTERN_CTL_HOST_DEMO_H

#include "ctl/ctl.h"

/* Makes what is missing and prints a link to the console, which is good once (where admin.url leads
 * to this host), one curl line for each kind of endpoint and one that reads the message back.
 * Returns an exit status; errors have been shown. */
int demo_run(ctl_t *ctl);

#endif
