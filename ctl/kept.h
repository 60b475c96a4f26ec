/* The session that login keeps for the commands that follow: a file of its own for each URL, which
 * only its owner may read, and whose session goes to no other URL.
 *
 * The file is --session-file, else postern/sessions/URL.json below $XDG_CONFIG_HOME or
 * ~/.config. */
#ifndef POSTERN_KEPT_H
#define POSTERN_KEPT_H

#include "ctl/ctl.h"

typedef enum { KEPT_NONE, KEPT_READ, KEPT_REFUSED } kept_t;

/* The session that is kept for URL; the caller's, for credential_free. KEPT_REFUSED after an error
 * was shown: others may read the file, it is of another URL, or --session-file names none. */
kept_t kept_read(ctl_t *ctl, const char *url, char **session);

/* Keeps the session of REPLY, a login's at URL, and takes its secrets out of it. 0, or -1 after an
 * error was shown. */
int kept_save(ctl_t *ctl, const char *url, json_t *reply);

/* Removes the file of URL when it holds SESSION. */
void kept_forget(ctl_t *ctl, const char *url, const char *session);

/* The path of the file of URL; NULL when there is no directory for it. Valid until the next
 * call. */
const char *kept_path(ctl_t *ctl, const char *url);

#endif
