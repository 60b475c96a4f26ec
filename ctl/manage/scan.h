/* Finds texts of the form of a webhook token in any text: pst_, 36 base62 characters of which the
 * last 6 are the checksum, and no base62 character on either side. Threading: one thread. */
#ifndef POSTERN_CTL_MANAGE_SCAN_H
#define POSTERN_CTL_MANAGE_SCAN_H

#include <stdint.h>
#include <stdio.h>

typedef void scan_found_fn(void *arg, uint64_t line, const char *token);

/* Reads IN to its end and calls FOUND for each such text, with its line from 1; TOKEN is TOKEN_LEN
 * characters. 0, or -1 with errno. The buffers are wiped. */
int scan_stream(FILE *in, scan_found_fn *found, void *arg);

#endif
