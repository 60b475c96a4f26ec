/* The common part of the commands of channels, bots and extensions: a name, an owner, and a list of
 * users. */
#ifndef POSTERN_CTL_MANAGE_OWNED_H
#define POSTERN_CTL_MANAGE_OWNED_H

#include "ctl/ctl.h"

/* The body of a create operation: {"name", "owner"} from the argument and --owner, the users of
 * option --LIST as an array LIST (NULL: the kind has none), and --methods. NULL after a usage error
 * was shown. */
json_t *owned_body(ctl_t *ctl, const char *list);

/* The body of an edit or an archiving: what --name, --owner, --reason, --take-back and --methods
 * say. */
json_t *owned_changes(ctl_t *ctl);

/* The parts of "A,B,C" as an array of texts. */
json_t *owned_split(const char *text);

/* Adds or removes the user of the second argument to or from the object of the first. */
int owned_user(ctl_t *ctl, unsigned op, const char *done);

#endif
