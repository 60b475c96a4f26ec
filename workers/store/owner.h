/* Work in a store as its owner. What a process can have put into its store's directory, links in
 * the place of files and pages of any kind, is not met with root's rights: where root runs
 * postern-store, what opens a store or what came out of one runs in a child process that is the
 * owner of the store's directory, and holds nothing else that root has opened. For whoever else
 * runs it the child has the same user.
 *
 * The child's answer is not trusted: its reason has no control characters when it gets here.
 *
 * Threading: one thread; the caller has none beside it. */
#ifndef POSTERN_OWNER_H
#define POSTERN_OWNER_H

#include <jansson.h>
#include <stddef.h>

enum { OWNER_S = 4 * 3600 }; /* a child that takes longer is ended: its pages may lead in a ring */

/* Runs in the child. ANSWER: an empty object, to be filled. 0, or -1 with the reason in err. */
typedef int (*owner_work_t)(void *arg, json_t *answer, char *err, size_t err_size);

typedef struct {
    const char *store;  /* the directory whose owner the child becomes */
    const char *within; /* NULL, or a directory that is given to that owner and is "." in WORK; in
                           reasons it has its own name */
    int lock;           /* -1, or a descriptor that WORK uses */
    owner_work_t work;
    void *arg;
} owner_t;

/* The caller owns the answer. NULL with the reason in err, also when the child has died. */
json_t *owner_run(const owner_t *self, char *err, size_t err_size);

#endif
