/* Handshakes: what a sender asks of a URL before it sends events there, or every few hours; the
 * table is handshakes.def. Nothing of them is stored as an event.
 *
 * What is echoed is short, printable ASCII without < > & " ' ` and \, and is always text/plain:
 * nobody can make a page of it. What an HMAC is made of (Zoom, X) is base64 characters alone, so
 * that the answer is never the signature of an event, which has others. Threading: no state, any
 * thread. */
#ifndef POSTERN_SOURCE_HANDSHAKE_H
#define POSTERN_SOURCE_HANDSHAKE_H

#include "common/source/key.h"
#include "common/source/request.h"

enum {
    HANDSHAKE_ECHO = 1024, /* longest text that is echoed */
    HANDSHAKE_TOKEN = 256, /* longest token that is signed, or kept */
    HANDSHAKE_BODY = 4096, /* longest body that is looked at: no sender's has 1 KiB */
};

typedef enum {
    HANDSHAKE_none,
#define HANDSHAKE(name, needs, request, answer) HANDSHAKE_##name,
#include "common/source/handshakes.def"
#undef HANDSHAKE
} handshake_t;

typedef enum {
    HANDSHAKE_NEEDS_OPEN,
    HANDSHAKE_NEEDS_SOURCE,
    HANDSHAKE_NEEDS_SIGNED,
    HANDSHAKE_NEEDS_TOLD
} handshake_needs_t;

/* "slack"; "none". */
const char *handshake_name(handshake_t which);
handshake_needs_t handshake_needs(handshake_t which);

/* Which handshake the request has the shape of, HANDSHAKE_none for one that is an event. A source
 * answers its preset's handshake and those that are open; where there is no source, only those. */
handshake_t handshake_find(const source_request_t *request);

typedef struct {
    unsigned status;  /* 200, 204, or 400 or 403: it is refused */
    const char *type; /* of the content; NULL: there is none */
    char body[HANDSHAKE_ECHO + 1];
    size_t body_len;
    const char *header;                /* one more, whose value is `learned`; NULL: none */
    char learned[HANDSHAKE_TOKEN + 1]; /* a secret that the sender has told; "": none. The caller's
                                          to keep sealed, and to wipe */
} handshake_answer_t;

/* Answers a request of that shape. KEYS, COUNT: the source's secrets, for those that need one;
 * VERIFY_TOKEN: what the owner has typed in at the sender's; both may be empty. Those that need a
 * verified signature are answered as if it was: the caller has verified it. When the status is 400
 * or 403, the body says why. */
void handshake_answer(handshake_t which, const source_request_t *request, const source_key_t *keys,
                      size_t count, slice_t verify_token, handshake_answer_t *answer);

#endif
