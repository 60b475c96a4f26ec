/* The values of an event: a document of JSON, read by name and by place.
 *
 * Threading: a document and its values belong to one thread at a time. Running out of memory
 * aborts. */
#ifndef POSTERN_WORKERS_FORMAT_VALUE_H
#define POSTERN_WORKERS_FORMAT_VALUE_H

#include "common/base/slice.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { VALUE_DEPTH = 128 }; /* deepest nesting of a document */

typedef enum {
    VALUE_MISSING, /* no such name or place */
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_ARRAY,
    VALUE_OBJECT,
} value_type_t;

/* A value, valid until its document parses another text. */
typedef struct {
    value_type_t type;
    slice_t text; /* of TEXT, and of BOOL */
    double number;
    int64_t whole;    /* of NUMBER, when is_whole */
    bool is_whole;    /* a number without a fraction, inside 64 bits with a sign */
    uint64_t node[2]; /* private: where ARRAY and OBJECT stand */
} value_t;

typedef struct document document_t;

document_t *document_new(void);
void document_destroy(document_t **self_p);

/* Parses TEXT, which is copied. A number past 64 bits or a double counts as 0. 0; or -1 and, in
 * REASON, why TEXT is no JSON. */
int document_parse(document_t *self, slice_t text, value_t *root, char *reason, size_t size);

/* The members of an array or an object, one after the other:
 *     members_t members = value_members (value);
 *     while (members_next (&members, &key, &member)) …
 * None of any other value. The key of an array's member is empty. */
typedef struct {
    uint64_t node[4]; /* private */
    value_type_t type;
} members_t;
members_t value_members(const value_t *value);
bool members_next(members_t *self, slice_t *key, value_t *member);

/* The first member of an object that has this name, looking at no more than MOST; LOOKS is how many
 * it looked at. MISSING when none has, and of any other value. */
value_t value_find(const value_t *value, slice_t name, size_t most, size_t *looks);

/* How many members there are. */
size_t value_count(const value_t *value);

#ifdef __cplusplus
}
#endif

#endif
