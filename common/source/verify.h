/* Whether a request was signed by who holds a source's secret.
 *
 * Each signature of the header that has the scheme's form is compared with each secret, in time
 * that does not tell where they differ; more than SOURCE_SIGNATURES are refused. The time is looked
 * at after the signature. A verdict's reason is made of fixed words, numbers and names of the
 * scheme: it holds nothing of a secret, nor of what was expected.
 *
 * Threading: no state, any thread. A body of 10 KiB takes some 7 µs of CPU with HMAC-SHA256. */
#ifndef POSTERN_SOURCE_VERIFY_H
#define POSTERN_SOURCE_VERIFY_H

#include "common/source/key.h"
#include "common/source/record.h"
#include "common/source/request.h"
#include "common/source/scheme.h"

enum {
    SOURCE_SIGNATURES = 32,   /* most of a request */
    SOURCE_PUBLIC_CHECKS = 2, /* the same, of ed25519 and ecdsa-p256, which take longer */
    SOURCE_REASON = 200,
};

typedef enum {
    SOURCE_SIGNED,
    SOURCE_UNSIGNED, /* the header is not there */
    SOURCE_REFUSED,
} source_outcome_t;

/* Why it is not signed, in a word. */
typedef enum {
    SOURCE_FAULT_none,
    SOURCE_FAULT_missing,   /* the header is */
    SOURCE_FAULT_malformed, /* header, time or body are not as the scheme has them */
    SOURCE_FAULT_mismatch,  /* another secret, or another body */
    SOURCE_FAULT_old,
    SOURCE_FAULT_ahead,
    SOURCE_FAULT_no_secret, /* the source has none that is good */
} source_fault_t;
const char *source_fault_name(source_fault_t fault);

typedef struct {
    source_outcome_t outcome;
    source_fault_t fault;
    char reason[SOURCE_REASON]; /* empty when it is signed */
    unsigned key;               /* which secret signed it, from 1; 0: none */
    unsigned signatures;        /* of the scheme's form */
    unsigned compared;          /* of these, of the right length */
    bool timed;                 /* it says when it was signed */
    int64_t age_s;              /* how long ago that was; below 0: it lies ahead */
} source_verdict_t;

/* The verdict of a scheme whose secret is a header, of which TOLD is what was found. */
void source_verdict_told(const scheme_t *scheme, source_told_t told, source_verdict_t *verdict);

/* COUNT: 1 to SOURCE_KEYS keys, which source_key_read made for this scheme. */
void source_verify(const scheme_t *scheme, const source_key_t *keys, size_t count,
                   const source_request_t *request, source_verdict_t *verdict);

#endif
