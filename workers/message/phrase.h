/* A phrase that is looked for in messages: whether it stands in one of a message's texts. A letter
 * of ASCII stands for itself in either case, any other byte for itself.
 *
 * The texts of a message object (docs/API) are text, the title of card, and of each of slides the
 * title and what data holds: strings and names of fields, at any depth.
 *
 * Threading: an object belongs to one thread at a time. It keeps and reuses its memory; running out
 * of memory aborts. */
#ifndef POSTERN_WORKERS_MESSAGE_PHRASE_H
#define POSTERN_WORKERS_MESSAGE_PHRASE_H

#include "common/base/slice.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct phrase phrase_t;

/* TEXT, of one byte or more, is copied. */
phrase_t *phrase_new(slice_t text);
void phrase_destroy(phrase_t **self_p);

/* Whether it stands in TEXT, any bytes. */
bool phrase_is_in(const phrase_t *self, slice_t text);
/* Whether it stands in a text of the message object that JSON is, without a byte order mark; of
 * what is no object, in the bytes. JSON may lie in a file that cannot be read: who comes back from
 * there by a jump (journal_try) has lost nothing. */
bool phrase_is_in_message(phrase_t *self, slice_t json);

#ifdef __cplusplus
}
#endif

#endif
