/* The targets of a stream of several: those that its reader names, or all that the reader may see,
 * each with a grant of its own (grants.h), as if it were asked for alone.
 *
 * A target is named by kind and name or id: channel:general, chat:ID, bot:deploy,
 * extension:APP-ID, and buddy for one's own messages, separated by commas; at most LISTED_NAMED.
 * All are the channels and bots that the reader is of, or owns, what the reader's extensions get,
 * and the reader's own messages, as far as the token goes: at most LISTED_MOST, in the order of
 * their kinds and ids.
 *
 * Grants name targets by id, so that another name ends no stream.
 * Threading: the main thread's, in a renewed view. */
#ifndef POSTERN_AUTHD_JUDGE_SEVERAL_H
#define POSTERN_AUTHD_JUDGE_SEVERAL_H

#include "authd/judge/grants.h"
#include "common/stream/found.h"

typedef struct {
    judge_t *judge;
    view_t *view;
    const uint8_t *key; /* of grants */
    uuid_t7 token, user;
    bool person; /* the token is that of a session, or of management */
    slice_t client;
    int64_t wall_ms;
} several_t;

enum { SEVERAL_DETAIL = 256 };

/* Writes the rows of a list; with TARGETS NULL of all, and the right to ask for the list again. An
 * error, with its DETAIL. */
error_code_t several_list(const several_t *self, const slice_t *targets, bytes_t *rows,
                          uint32_t *count, char detail[SEVERAL_DETAIL]);
/* The list of all once more, for a lane whose right to it has been judged: the body of the answer,
 * which is short where DIGEST is still that of the list. */
void several_again(const several_t *self, uint64_t digest, bytes_t *out);

/* The targets of a list that were named, by their ids, as they are to be named again. */
void several_names(const bytes_t *rows, bytes_t *out);

/* Writes a row: the sealed grant of OP for the target that NAME is found by. */
void several_put(const several_t *self, unsigned op, const uuid_t7 *target, slice_t name,
                 slice_t label, bytes_t *rows);

/* The body of the answer that opens a stream. ENDS_MS: of the wall clock; 0: not. */
void several_answer(const bytes_t *rows, uint32_t count, uint64_t ends_ms, bytes_t *out);

#endif
