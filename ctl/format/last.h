/* The newest event of a channel that is kept, as a caught request. Threading: one thread. */
#ifndef POSTERN_CTL_FORMAT_LAST_H
#define POSTERN_CTL_FORMAT_LAST_H

#include "ctl/caught.h"
#include "ctl/ctl.h"

enum { LAST_PAGES = 20 }; /* of the newest messages, that are looked through */

/* Reads back from CHANNEL, as posternctl history does. False after the error was shown: there is
 * none among the newest, too. */
bool last_event(ctl_t *ctl, const char *channel, caught_t *caught);

#endif
