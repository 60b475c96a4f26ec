/* Email addresses and names of accounts in place of users' ids, for people. */
#ifndef POSTERN_CTL_PEOPLE_H
#define POSTERN_CTL_PEOPLE_H

#include "ctl/ctl.h"

/* In VALUE, an object or an array of objects, the ids of owner, user, by and who become the email
 * addresses, or names of accounts, of whom they are. Each id is asked for once; an id that is not
 * known, or whose user may not be seen, stays. */
void people_name(ctl_t *ctl, json_t *value);

#endif
