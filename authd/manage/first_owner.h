/* The first owner: `posternctl init --owner EMAIL` leaves the address in a file of the data
 * directory, because only authd writes the directory. Threading: the thread of manage_run, before
 * it serves. */
#ifndef POSTERN_AUTHD_MANAGE_FIRST_OWNER_H
#define POSTERN_AUTHD_MANAGE_FIRST_OWNER_H

#include "authd/manage/manage.h"

/* Makes the owner that DATA/first-owner names and removes the file. A user who has the address
 * already stays as it is; a file that holds none is left, with a warning. */
void first_owner_make(manage_t *manage, const char *data);

#endif
