/* The faults of a body that is no JSON, with their places, which the parser does not tell.
 *
 * Threading: pure functions. */
#ifndef POSTERN_WORKERS_MESSAGE_JSON_FAULT_H
#define POSTERN_WORKERS_MESSAGE_JSON_FAULT_H

#include "common/base/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes why TEXT is no JSON, with the place (bytes from 1), when the fault is one of these:
 * UTF-16, bytes that are not UTF-8, a control character in a string, an escape that JSON does not
 * have, half of a surrogate pair (RFC 8259 §7 and §8). False, and nothing written: the fault is
 * none of these. */
bool json_fault(slice_t text, char *reason, size_t size);

/* Puts 0 and blanks in place of each number of the LEN bytes at TEXT that may be past 64 bits or a
 * double; what is no number in JSON's grammar stays. Returns whether there was such a number. */
bool json_shrink_numbers(char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
