/* Removal of what another user may have made: no link is followed, and each directory is taken over
 * before it is emptied, so that nobody makes names in it meanwhile.
 *
 * Each function removes all that it can, and gives 0, or -1 with errno where something is left.
 * Threading: any thread. */
#ifndef POSTERN_REMOVE_H
#define POSTERN_REMOVE_H

/* NAME in the directory PARENT, with all below it. */
int remove_name(int parent, const char *name);

/* All that is in a directory in which nobody else makes names. Takes its descriptor. */
int remove_below(int fd);

#endif
