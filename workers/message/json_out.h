/* JSON written into a buffer that grows and is reused. The caller writes the structure (json_raw),
 * the other functions write values; strings come out as valid JSON whatever their bytes are.
 *
 * Threading: an object belongs to one thread at a time. Running out of memory aborts. */
#ifndef POSTERN_WORKERS_MESSAGE_JSON_OUT_H
#define POSTERN_WORKERS_MESSAGE_JSON_OUT_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised is empty and valid. Setting len back to a former value takes off what was
 * written since. */
typedef struct json_out {
    char *data;
    size_t len, cap;
} json_out_t;

void json_reset(json_out_t *self); /* empties, keeps the memory */
void json_free(json_out_t *self);

/* Room for LEN bytes more, which the caller writes and adds to len. */
char *json_room(json_out_t *self, size_t len);

/* Bytes as they are: punctuation, or a document that is JSON already. */
void json_raw(json_out_t *self, slice_t text);
void json_lit(json_out_t *self, const char *text);

/* A string in quotes. Bytes that are not UTF-8 become U+FFFD each. */
void json_quote(json_out_t *self, slice_t text);
/* The inside of a string, for one that is put together from parts: the caller writes the quotes. */
void json_chars(json_out_t *self, slice_t text);
void json_uint(json_out_t *self, uint64_t value);

/* The bytes in base64, as a string. */
void json_base64(json_out_t *self, slice_t bytes);

/* A string when the bytes are UTF-8, else {"base64": "…"} (RFC 4648 §4, padded). */
void json_bytes(json_out_t *self, slice_t bytes);

#endif
