/* Where posternctl takes a sender's secrets from: never an argument, because every user of the host
 * can read the arguments of a process. */
#ifndef POSTERN_CREDENTIAL_H
#define POSTERN_CREDENTIAL_H

#include "ctl/ctl.h"

#include <stddef.h>

/* A whole file (- for stdin) of at most MAX bytes, NUL-terminated; the caller's. NULL with errno,
 * EFBIG when it is larger. */
char *credential_read_file(const char *path, size_t max, size_t *len);

/* The token of --token-file, else of $POSTERN_TOKEN; the caller wipes and frees it. NULL after an
 * error was shown. */
char *credential_token(ctl_t *ctl);

/* Wipes and frees. */
void credential_free(char **secret_p);

#endif
