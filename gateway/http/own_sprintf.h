/* libh2o writes the first lines of each answer by sprintf, which costs glibc 1,700 instructions.
 * The __sprintf_chk of this file, which libh2o finds first, writes what has no conversions but %s,
 * %d and %zu by itself, and gives all else to glibc.
 *
 * Threading: any thread. */
#ifndef POSTERN_GATEWAY_OWN_SPRINTF_H
#define POSTERN_GATEWAY_OWN_SPRINTF_H

/* Has this file linked. */
void own_sprintf_keep(void);

#endif
