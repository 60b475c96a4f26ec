/* A scheme as JSON: an object of the texts of scheme.h by their names; `tolerance` may be a number.
 * Threading: any thread. */
#ifndef POSTERN_SOURCE_SCHEME_JSON_H
#define POSTERN_SOURCE_SCHEME_JSON_H

#include "common/source/scheme.h"

#include <jansson.h>

typedef struct {
    scheme_texts_t texts; /* they point into the object, and into what follows */
    char tolerance[24];
} scheme_json_t;

/* Reads the fields of OBJECT; whether they are a scheme says scheme_read. False with the reason in
 * err. */
bool scheme_json_read(const json_t *object, scheme_json_t *read, char *err, size_t err_size);

/* A new object of the texts that are not empty. */
json_t *scheme_json_write(const scheme_texts_t *texts);

#endif
