/* A form (application/x-www-form-urlencoded) as a message object: payload= is the object itself,
 * text= becomes {"text": "…"}. payload counts when both are there. Threading: no state, any thread.
 */
#ifndef POSTERN_FORM_H
#define POSTERN_FORM_H

#include "workers/json_out.h"

typedef enum {
    FORM_OK,
    FORM_EMPTY,    /* neither text nor payload */
    FORM_NOT_UTF8, /* the text is not UTF-8 */
} form_outcome_t;

/* Writes the object to OUT, which is emptied first. A payload is not looked at. */
form_outcome_t form_read(slice_t body, json_out_t *out);

#endif
