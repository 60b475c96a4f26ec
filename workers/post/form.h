/* A form (application/x-www-form-urlencoded) as a message object: payload= is the object itself;
 * without payload each piece that is named as a field of a message becomes that field. The field's
 * value is a string, or JSON where the field takes an object or array and the value begins like
 * one; whether the message is valid is not looked at. Pieces of other names are left out. Beside
 * payload all other pieces are left out. Threading: no state, any thread. */
#ifndef POSTERN_WORKERS_POST_FORM_H
#define POSTERN_WORKERS_POST_FORM_H

#include "workers/message/json_out.h"

typedef enum {
    FORM_OK,
    FORM_EMPTY,       /* no field of a message, and no payload */
    FORM_NOT_UTF8,    /* one of the fields is not UTF-8 */
    FORM_NOT_ENCODED, /* a piece has no =, or a name with a space or another byte that is encoded:
                         the piece is the rest of a value with & in it */
    FORM_TWICE,       /* payload stands twice */
} form_outcome_t;

/* The text for the sender of an outcome that is not FORM_OK. */
const char *form_reason(form_outcome_t outcome);

/* Writes the object to OUT, which is emptied first. */
form_outcome_t form_read(slice_t body, json_out_t *out);

/* The same of pieces that are decoded, the parameters of a query, among which payload is none:
 * PAIRS (common/wire). */
form_outcome_t form_of_pairs(slice_t pairs, json_out_t *out);

#endif
