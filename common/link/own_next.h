/* For files that stand in front of libc's calls: the call of that name that would have been found
 * without them. Their descriptors from OWN_DESCRIPTORS on are passed on.
 *
 * Threading: any thread. */
#ifndef POSTERN_OWN_NEXT_H
#define POSTERN_OWN_NEXT_H

enum { OWN_DESCRIPTORS = 1024 };

/* For constructors, which run before there are threads; ends the process where there is none. */
void *own_next(const char *name);

#endif
