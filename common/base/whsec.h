/* The secret that two sides share to sign webhooks, as Standard Webhooks 1.0.0 writes it: "whsec_"
 * and the base64 of 24 to 64 random bytes. Threading: any thread. */
#ifndef POSTERN_WHSEC_H
#define POSTERN_WHSEC_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WHSEC_MIN = 24,  /* bytes */
    WHSEC_MAX = 64,  /* bytes */
    WHSEC_TEXT = 95, /* "whsec_", 88 of base64, NUL */
};

/* A secret in the clear: who holds it wipes it by whsec_wipe. */
typedef struct {
    uint8_t bytes[WHSEC_MAX];
    size_t len;
} whsec_t;

/* 32 bytes of the system's CSPRNG. */
void whsec_make(whsec_t *secret);

/* Reads "whsec_…" in standard base64 with its padding. False with the reason in err, which never
 * holds any of the text; then SECRET is wiped. */
bool whsec_parse(slice_t text, whsec_t *secret, char *err, size_t err_size);

/* Writes "whsec_…"; returns its length. */
size_t whsec_text(const whsec_t *secret, char text[WHSEC_TEXT]);

void whsec_wipe(whsec_t *secret);

#endif
