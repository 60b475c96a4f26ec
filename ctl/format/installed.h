/* What posternctl format list and show do of the formats that the installation keeps: over the
 * control socket or the admin listener. Each returns the exit status. Threading: one thread. */
#ifndef POSTERN_CTL_FORMAT_INSTALLED_H
#define POSTERN_CTL_FORMAT_INSTALLED_H

#include "ctl/ctl.h"

int installed_list(ctl_t *ctl);
int installed_show(ctl_t *ctl, const char *name);

#endif
