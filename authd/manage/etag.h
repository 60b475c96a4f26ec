/* Entity tags: a short text that changes with an object's JSON, except with its use and its people.
 * An edit that names the tag that its sender has seen is refused when another edit came before. */
#ifndef POSTERN_AUTHD_MANAGE_ETAG_H
#define POSTERN_AUTHD_MANAGE_ETAG_H

#include "common/base/slice.h"

#include <jansson.h>
#include <stdbool.h>

enum { ETAG_TEXT = 33 };

/* Of an object that has an id. */
void etag_of(const json_t *object, char text[ETAG_TEXT]);
/* Adds "etag" to an object that has an id; leaves any other as it is. */
void etag_add(json_t *object);

/* The tag of an answer that is no object: of its bytes. */
void etag_of_bytes(slice_t bytes, char text[ETAG_TEXT]);
/* Whether FIELD, the value of an If-None-Match (RFC 9110 §13.1.2), has TAG, or is *. */
bool etag_is_known(slice_t field, const char *tag);

#endif
