/* Where posternctl takes a sender's secrets from: never an argument, because every user of the host
 * can read the arguments of a process. */
#ifndef POSTERN_CREDENTIAL_H
#define POSTERN_CREDENTIAL_H

#include "ctl/ctl.h"

#include <stddef.h>

/* A whole file (- for stdin) of at most MAX bytes, without a byte order mark, NUL-terminated; the
 * caller's. NULL with errno,
 * EFBIG when it is larger. */
char *credential_read_file(const char *path, size_t max, size_t *len);

/* The webhook token of --token-file, else of $POSTERN_TOKEN; the caller wipes and frees it. NULL
 * after an error was shown: there is no token, or a credential of another kind. */
char *credential_token(ctl_t *ctl);

/* The credential for the admin API at URL: the token of --management-token-file, the session of
 * --session-file, the token of $POSTERN_MANAGEMENT_TOKEN (or, with a warning, one in $POSTERN_TOKEN
 * that is for management), the session of $POSTERN_SESSION, or the one that login has kept for URL
 * (ctl/kept.h): the first that there is. The caller wipes and frees it. NULL after an error was
 * shown: there is none, or what is there is of another kind. */
char *credential_management(ctl_t *ctl, const char *url);

/* The session to show or to end: of --session-file, $POSTERN_SESSION, or kept for URL (NULL: the
 * control socket, for which none is kept), else the next line of stdin. NULL when there is none, or
 * with *REFUSED after an error was shown. */
char *credential_session(ctl_t *ctl, const char *url, bool *refused);

/* Wipes and frees. */
void credential_free(char **secret_p);

#endif
