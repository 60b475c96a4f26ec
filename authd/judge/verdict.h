/* The judge of requests: whose token a request has, whether it may come now, what its target is and
 * whether it may go there. Tokens that are unknown, deleted or malformed get the same answer.
 *
 * A request to a source's own address (CRED_SIGNATURE) shows no token: it is judged as the token
 * that its source is for, and becomes an event of the source's target (op_is_signed); the worker,
 * which gets the source alone and the URL that was called, sees whether it is signed.
 *
 * The checks in their order, so that nobody learns what exists before a token is shown: operation
 * known (503) - token (401) - address (403) - rate (429) - reading (403) and size (413) that the
 * token's terms allow - target (404) - scope (403) - archived (410) - permission (403) - appkey
 * (401) - a method that makes no event (405). Whatever they say, a part of the directory that is
 * damaged makes it 500: what was not found may be there.
 *
 * Threading: one thread. No allocation. */
#ifndef POSTERN_AUTHD_JUDGE_VERDICT_H
#define POSTERN_AUTHD_JUDGE_VERDICT_H

#include "authd/directory/directory.h"
#include "authd/judge/heard.h"
#include "authd/judge/shared.h"
#include "common/base/errors.h"
#include "common/base/limiter.h"
#include "common/base/reasons.h"
#include "common/base/secret.h"
#include "common/wire/wire.h"

typedef struct {
    limiter_t *limiter;
    uint64_t rate, burst;   /* of a token that has no limit of its own, and of a session */
    uint64_t idle_ms;       /* a session ends when it was not used for so long */
    char target[UUID_TEXT]; /* private: a canonical name that no record holds */
    char facts[WIRE_FACTS_TEXT];
    char archived[WIRE_TEXT];
    uint8_t dedupe[WIRE_DEDUPE];
    uint8_t share_key[SHARED_KEY]; /* of URLs of streams */
    pack_t headers;    /* of a message that is for some users alone, or of a request to a source's
                          address, without the URL */
    pack_t params;     /* without those that are authd's own, */
    pack_t set_params; /* and with what authd has set */
    pack_t handler;    /* a handler record, with secrets: verdict_close wipes it */
    char url[WIRE_URL_MOST + WIRE_TEXT];
    const char *public_url; /* before what was called of it; borrowed, may be NULL */
    heard_t heard;          /* of the last that was accepted; the caller wipes its secret */
} judge_t;

typedef struct {
    error_code_t code; /* ERROR_none: accepted */
    uint64_t rate;     /* with ERROR_rate_limited: the limit and when to come again */
    uint64_t retry_after_s;
    unsigned allow;   /* with ERROR_method_not_allowed: which are allowed */
    slice_t detail;   /* of a refusal, in place of the table's text; may be empty */
    reason_t reason;  /* of a refusal, for programs, */
    uuid_t7 user;     /* and with other_session: whose the session is */
    uint64_t ends_ms; /* of a stream's URL, in place of a token; else 0 */
    uint64_t deprecated_ms, sunset_ms; /* of a token that is being replaced; else 0 */
} verdict_t;

/* A malformed token is unknown like any other: only well-formed ones are ever recorded. */
static inline bool verdict_is_well_formed(slice_t token)
{
    return token.len >= TOKEN_MIN && token.len <= TOKEN_MAX;
}

/* Hashes the tokens of COUNT requests that are judged next, and has the rows of the tokens on the
 * way from memory meanwhile. */
void verdict_expect(view_t *view, const wire_request_t *requests, unsigned count,
                    uint8_t hashes[][TOKEN_HASH]);

/* Judges one request under VIEW (renewed after the request came), which has BODY. In any
 * case the credentials are wiped where they lie and blanked; when accepted, the principal is filled
 * and the target is the canonical name. All slices hold until the view is released or the next
 * call. HASH: of its token, by verdict_expect. Times: now_us is monotonic, wall_ms the wall
 * clock's: by that a token ends. */
verdict_t verdict_judge(judge_t *self, view_t *view, wire_request_t *request,
                        const uint8_t hash[TOKEN_HASH], slice_t body, int64_t now_us,
                        int64_t wall_ms);

/* Whether verdict_operate takes OP: operations that read back or are about deliveries. */
bool verdict_reads(unsigned op);
/* Judges a request of whoever may do everything, without a credential: finds the target, also an
 * archived one where OP changes nothing, and fills the principal's target and environment, and the
 * handler record where OP repeats; that holds until the next call. */
verdict_t verdict_operate(judge_t *self, view_t *view, wire_request_t *request, uint64_t wall_ms);

/* Judges again what was granted before: whether the token (by its id) may still do request->op,
 * from request->client, to request->target, whose id comes back in the principal, as the user's
 * does. Nothing is charged. */
error_code_t verdict_regrant(judge_t *self, view_t *view, wire_request_t *request,
                             const uuid_t7 *token, int64_t wall_ms);

void verdict_close(judge_t *self);

/* The refusal as a reply entry, without its body: verdict->detail, and behind it what
 * verdict_details makes. */
void verdict_reply(const verdict_t *verdict, const wire_request_t *request, wire_reply_t *reply);

enum { VERDICT_DETAILS = 128 };
/* The details of a refusal as the text of a JSON object; returns its length, or 0: it has none. */
size_t verdict_details(const verdict_t *verdict, char text[VERDICT_DETAILS]);

#endif
