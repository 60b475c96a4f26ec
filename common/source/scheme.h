/* How a sender signs its requests, declared: eleven texts by name, as a file, an object of the
 * admin API or a row of presets.def has them, and what is read of them.
 *
 *   alg        hmac-sha1, hmac-sha256, hmac-sha512, ed25519, ecdsa-p256; equal: the item is the
 *              secret itself
 *   header     the header that holds the signature; with equal also "body PATH"
 *   separator  what stands between the items of that header, one character; empty: it is one item
 *   item       how an item that is a signature begins, such as "sha256=" or "v1,"; others are
 *              passed over
 *   encoding   hex (the default) or base64, of the signature
 *   key        how the secret is written: utf8, base64, whsec ("whsec_" and base64) or hex; the
 *              default is utf8, for ed25519 hex, for ecdsa-p256 base64 (a SubjectPublicKeyInfo)
 *   signed     what is signed: {body}, {ts}, {id}, {url}, {method}, {form} (see signed.h) and any
 *              text between; the default is {body}
 *   id         the header that {id} is
 *   ts         where the time of the signature stands: "header NAME", "item BEGINNING" or "body
 *              PATH"
 *   ts_form    s (the default), ms, or rfc3339
 *   tolerance  how many seconds it may lie away from our clock, at most a day; 0: it is not looked
 *              at. The default is 300 where there is a ts. Such a ts is part of what is signed.
 *
 * PATH is names with points between; "value[].state" is the field of each element of an array.
 * Threading: no state, any thread. */
#ifndef POSTERN_SOURCE_SCHEME_H
#define POSTERN_SOURCE_SCHEME_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SCHEME_TEXT = 120, /* longest text, bytes */
    SCHEME_PARTS = 12, /* most parts of `signed` */
    SCHEME_TOLERANCE = 300,
    SCHEME_TOLERANCE_MAX = 86400,
};

typedef enum {
    SCHEME_ALG,
    SCHEME_HEADER,
    SCHEME_SEPARATOR,
    SCHEME_ITEM,
    SCHEME_ENCODING,
    SCHEME_KEY,
    SCHEME_SIGNED,
    SCHEME_ID,
    SCHEME_TS,
    SCHEME_TS_FORM,
    SCHEME_TOLERANCE_S,
    SCHEME_FIELDS
} scheme_field_t;

extern const char *const scheme_field_names[SCHEME_FIELDS];

/* The texts; an empty one means the default. */
typedef struct {
    slice_t field[SCHEME_FIELDS];
} scheme_texts_t;

typedef enum {
    ALG_HMAC_SHA1,
    ALG_HMAC_SHA256,
    ALG_HMAC_SHA512,
    ALG_ED25519,
    ALG_ECDSA_P256,
    ALG_EQUAL,
} scheme_alg_t;

typedef enum { ENCODING_HEX, ENCODING_BASE64 } scheme_encoding_t;
typedef enum { KEY_UTF8, KEY_BASE64, KEY_WHSEC, KEY_HEX } scheme_key_t;
typedef enum {
    PART_BODY,
    PART_TS,
    PART_ID,
    PART_URL,
    PART_METHOD,
    PART_FORM,
    PART_LITERAL
} part_kind_t;
typedef enum { AT_NOWHERE, AT_HEADER, AT_ITEM, AT_BODY } scheme_place_t;
typedef enum { TS_SECONDS, TS_MILLISECONDS, TS_RFC3339 } scheme_ts_form_t;

/* The slices point into the texts. */
typedef struct {
    scheme_alg_t alg;
    scheme_place_t at; /* AT_HEADER; AT_BODY: `header` is a path */
    slice_t header;
    char separator; /* 0: none */
    slice_t item;
    scheme_encoding_t encoding;
    scheme_key_t key;
    unsigned parts;
    struct {
        part_kind_t kind;
        slice_t literal;
    } part[SCHEME_PARTS];
    slice_t id;
    scheme_place_t ts_at;
    slice_t ts;
    scheme_ts_form_t ts_form;
    uint32_t tolerance_s;
} scheme_t;

/* Reads TEXTS. False with the reason in err: "signed: {time} is none of {body}, {ts}, …". */
bool scheme_read(const scheme_texts_t *texts, scheme_t *scheme, char *err, size_t err_size);

/* Whether KIND is among what is signed. */
bool scheme_signs(const scheme_t *self, part_kind_t kind);

/* The field of this name, SCHEME_FIELDS when there is none. */
scheme_field_t scheme_field(slice_t name);

/* The bytes of a signature; the most of ecdsa-p256, 0 of equal. */
size_t scheme_signature_len(const scheme_t *self);

#endif
