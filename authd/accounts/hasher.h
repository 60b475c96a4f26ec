/* The hasher: a thread that checks and hashes passwords, one job after another, so that no loop
 * waits for argon2id. The queue is bounded: a job that finds the queue full is not taken, and
 * neither is a third job of one account or of one network, so that nobody's jobs, right or wrong,
 * keep the others waiting longer than a few hashes take.
 *
 * Threading: a hasher belongs to the thread that made it; a job belongs to the hasher from submit
 * to take. The secrets of a job lie in memory that is locked and wiped. */
#ifndef POSTERN_AUTHD_ACCOUNTS_HASHER_H
#define POSTERN_AUTHD_ACCOUNTS_HASHER_H

#include "authd/accounts/password.h"

#include <stdbool.h>

enum {
    HASHER_JOBS = 64, /* jobs that wait, are under way or wait to be taken */
    HASHER_SHARE = 2, /* jobs of one account, and jobs of one network */
};

typedef struct hash_job hash_job_t;
/* Of ACCOUNT (an email address; its case does not matter) and NETWORK (of throttle.h), each cut to
 * what an address has; an empty one has no share to keep to. */
hash_job_t *hash_job_new(slice_t account, const char *network);
void hash_job_destroy(hash_job_t **self_p);
/* To check GIVEN against the hash STORED. An empty STORED never matches, and takes the time of a
 * hash that the hasher would make. GIVEN and FRESH have at most PASSWORD_MOST bytes and no NUL (a
 * longer GIVEN never matches). */
void hash_job_check(hash_job_t *self, slice_t given, slice_t stored);
/* To hash FRESH, unless it is weak by WORDS (copied), or GIVEN did not match. */
void hash_job_make(hash_job_t *self, slice_t fresh, const password_words_t *words);

/* Of a job that is done. matched: also true when nothing was to be checked. made: the hash of
 * FRESH; without one, GIVEN's at today's cost when it matched one of another cost; else empty. */
bool hash_job_matched(const hash_job_t *self);
bool hash_job_weak(const hash_job_t *self);
const char *hash_job_stored(const hash_job_t *self); /* what GIVEN was checked against */
const char *hash_job_made(const hash_job_t *self);

typedef struct hasher hasher_t;
/* Starts the thread; exits when it cannot. */
hasher_t *hasher_new(const password_cost_t *cost);
/* Drops the jobs that are not done; waits for the job under way. */
void hasher_destroy(hasher_t **self_p);

typedef enum {
    HASHER_TAKEN,
    HASHER_FULL,
    HASHER_SHARE_FULL, /* of the account or the network; others have room */
} hasher_submit_t;
/* Unless it is taken the job stays the caller's. OWNER: hasher_take gives it back. */
hasher_submit_t hasher_submit(hasher_t *self, hash_job_t **job_p, void *owner);
/* Readable when hasher_take has something. */
int hasher_fd(const hasher_t *self);
/* A job that is done, the caller's again; NULL: none is. */
hash_job_t *hasher_take(hasher_t *self, void **owner);

#endif
