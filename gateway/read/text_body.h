/* Text in the body of a reply, which travels as a JSON string (FACT_TEXT): a gateway that does not
 * know FACT_TEXT passes the JSON string on.
 *
 * Threading: pure functions. */
#ifndef POSTERN_GATEWAY_READ_TEXT_BODY_H
#define POSTERN_GATEWAY_READ_TEXT_BODY_H

#include "common/base/slice.h"

enum { TEXT_BODY_MOST = 4096 }; /* bytes of a text */

/* Writes the text of JSON, a string with the escapes that Postern writes (RFC 8259 §7, \u up to
 * \u001f), into OUT and its length into *len. False: it is no such string, or its text is empty or
 * longer than TEXT_BODY_MOST. */
bool text_body_read(slice_t json, char out[TEXT_BODY_MOST], size_t *len);

#endif
