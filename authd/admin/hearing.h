/* The way of a secret that a sender has told (authd/judge/heard.h) into the directory: the main
 * thread gives it, the directory's writer keeps it, sealed, in a transaction with its row of the
 * audit. Of a source whose secret is on the way, further ones are passed over.
 *
 * Threading: give belongs to the main thread, fd and keep to the writer's. */
#ifndef POSTERN_AUTHD_ADMIN_HEARING_H
#define POSTERN_AUTHD_ADMIN_HEARING_H

#include "authd/directory/directory.h"
#include "authd/judge/heard.h"
#include "common/base/address.h"

enum {
    HEARING_MOST = 16 /* on the way; more are passed over: their senders' requests come again */
};

typedef struct hearing hearing_t;
hearing_t *hearing_new(void);
void hearing_destroy(hearing_t **self_p);

/* CLIENT: the sender's address. */
void hearing_give(hearing_t *self, const heard_t *heard, slice_t client);
/* Readable when hearing_keep has something to do. */
int hearing_fd(const hearing_t *self);
/* Keeps what was given, where the source still waits. */
void hearing_keep(hearing_t *self, directory_t *directory, uint64_t wall_ms);

#endif
