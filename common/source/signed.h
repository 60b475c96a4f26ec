/* What is signed of a request: the parts of a scheme's `signed`, as slices of the request.
 *
 * {url} is the URL as the sender called it. {form} is Twilio's: with a parameter bodySHA256 that
 * must be the SHA-256 of the body, and nothing is added; otherwise the body is a form, or empty,
 * and its names and values are added, decoded, sorted by name and then value, each once. With
 * {form}, {url} is tried with its port and without, as Twilio signs the one or the other. */
#ifndef POSTERN_SOURCE_SIGNED_H
#define POSTERN_SOURCE_SIGNED_H

#include "common/source/request.h"
#include "common/source/scheme.h"

enum { SIGNED_URLS = 3, SIGNED_FORM = 1000 /* most pairs of a form */ };

typedef struct {
    const scheme_t *scheme;
    const source_request_t *request;
    slice_t ts, id;
    char *form; /* its own; NULL: there is none */
    size_t form_len;
    unsigned urls;
    char *url[SIGNED_URLS]; /* its own */
} signed_t;

/* Prepares it; ts is what was found by who calls. False with the reason in err. signed_wipe in
 * either case. */
bool signed_prepare(signed_t *self, const scheme_t *scheme, const source_request_t *request,
                    slice_t ts, char *err, size_t err_size);
void signed_wipe(signed_t *self);

/* Fills PARTS, with the I-th URL; returns how many there are. */
size_t signed_parts(const signed_t *self, unsigned i, slice_t parts[SCHEME_PARTS]);

#endif
