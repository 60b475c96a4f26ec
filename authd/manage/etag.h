/* Entity tags: a short text that changes with an object's JSON, except with its use and its people.
 * An edit that names the tag that its sender has seen is refused when another edit came before. */
#ifndef POSTERN_AUTHD_MANAGE_ETAG_H
#define POSTERN_AUTHD_MANAGE_ETAG_H

#include <jansson.h>

enum { ETAG_TEXT = 33 };

/* Of an object that has an id. */
void etag_of(const json_t *object, char text[ETAG_TEXT]);
/* Adds "etag" to an object that has an id; leaves any other as it is. */
void etag_add(json_t *object);

#endif
