/* The facts of a reply (wire_reply_t). Threading: constants. */
#ifndef POSTERN_FACTS_H
#define POSTERN_FACTS_H

/* Facts that a gateway turns into response headers; numbers only, so that no byte of a peer reaches
 * a header line. */
typedef enum {
    FACT_REPLAYED = 1,     /* Idempotency-Replayed: true */
    FACT_RATE_LIMIT = 2,   /* RateLimit-Limit */
    FACT_RATE_LEFT = 3,    /* RateLimit-Remaining */
    FACT_RATE_RESET_S = 4, /* RateLimit-Reset */
    FACT_DEPRECATION = 5,  /* Deprecation: since when the token has a successor, s since 1970 */
    FACT_SUNSET = 6,       /* Sunset: when the token ends, s since 1970 */
    FACT_ETAG_HIGH = 7,    /* ETag: its first 16 hexadecimal digits as a number, */
    FACT_ETAG_LOW = 8,     /* and the other 16 */
    FACT_SESSION = 9,      /* Set-Cookie: a session's id and secret; WIRE_SESSION times, in order */
    FACT_SESSION_S = 10,   /* and for how many seconds it is good */
    FACT_SESSION_END = 11, /* Set-Cookie that makes the browser forget the session */
    FACT_ALLOW = 12,       /* Allow: methods, bits of OP_… */
    FACT_TEXT = 13,        /* the body is a JSON string, and goes out as its text */
    FACT_FORMAT = 14,      /* Postern-Format: 1: failed */
    FACT_DETAILS = 15, /* of an error: so many bytes at the end of the body are its details, a JSON
                          object for programs, behind the text */
    FACT_LIST = 16, /* 1: the body is a list, which holds no secret: it may go out as gzip, and its
                       ETag is a weak one */
    FACT_HOOK_SECRET = 17, /* 1: X-Hook-Secret, as the request had it (Asana's handshake) */
} wire_fact_t;

#endif
