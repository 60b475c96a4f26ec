/* JSON that senders and handlers wrote, as jansson holds it: whatever is stored can be read.
 *
 * What jansson cannot hold is changed into what it can: a number past 64 bits, or past a double,
 * becomes a string of its digits; a NUL in the name of a member becomes U+FFFD. A NUL in a string
 * stays: whoever takes json_string_value of such text looks at json_string_length too.
 *
 * Threading: no state; any thread. */
#ifndef POSTERN_JSON_READ_H
#define POSTERN_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/* An object or array, the caller's; NULL: TEXT is no JSON, or nested deeper than jansson goes
 * (2,048). TEXT may be NULL when len is 0. */
json_t *json_read(const char *text, size_t len);

#endif
