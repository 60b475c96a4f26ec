/* Single values of a JSON body, found by a path such as "event.id" or "value[].clientState".
 *
 * The body is parsed as a whole, in time and memory that grow with its length alone; nesting beyond
 * 128 makes it no JSON. Threading: any thread. */
#ifndef POSTERN_SOURCE_BODY_FIELD_H
#define POSTERN_SOURCE_BODY_FIELD_H

#include "common/base/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A value as text: a string's, or an integer's digits. Its data is NULL where the path leads to
 * nothing, or to something else. It lives as long as the call. */
typedef void body_field_fn(void *arg, slice_t value);

/* Calls EACH for every value of PATH. False: the body is no JSON, then nothing was called. */
bool body_field_each(slice_t body, slice_t path, body_field_fn *each, void *arg);

/* The one value of PATH, copied; false: the body is no JSON, or the value is not there, empty, or
 * longer than SIZE. */
bool body_field_copy(slice_t body, const char *path, char *out, size_t size, size_t *len);

#ifdef __cplusplus
}
#endif

#endif
