/* Where a request begins and ends, judged before libh2o sees a byte of it: libh2o 2.2.5 takes much
 * that a server must not (two Transfer-Encoding lines, no Host, chunks of its own reading), and
 * takes Host, Content-Length and Transfer-Encoding out of the header list.
 *
 * Threading: pure functions. */
#ifndef POSTERN_GATEWAY_HTTP_FRAMING_H
#define POSTERN_GATEWAY_HTTP_FRAMING_H

#include "common/base/errors.h"
#include "common/base/slice.h"

#include <stdint.h>

/* How far framing_end has read a head that is still coming. Zeroed: not at all. */
typedef struct {
    size_t line; /* where its last line begins */
    size_t at;
} framing_scan_t;

/* The length of the head that INPUT begins with, its empty line included; 0 while the empty line
 * has not come. Lines end with LF, before which a CR may stand (RFC 9112 §2.2). INPUT must not
 * begin with an empty line. */
size_t framing_end(framing_scan_t *scan, slice_t input);

typedef struct {
    size_t head_len;    /* after framing_check; without an Expect line */
    error_code_t error; /* ERROR_none, or with what to refuse */
    const char *fault;  /* constant text of what is wrong, NULL: the table's */
    uint64_t length;    /* Content-Length; UINT64_MAX when it is larger than any body may be */
    bool chunked;       /* else it has LENGTH bytes */
    bool persistent;    /* another request may follow */
    bool expects;       /* the sender waits for 100 */
    unsigned lines;     /* headers */
    size_t coding, coding_len; /* the Transfer-Encoding line, without its end */
} framing_t;

/* Judges a whole head of LEN bytes, and normalises it so that libh2o and request.c read the same:
 * white space behind a value is moved before the value (RFC 9110 §5.5: the white space is no part
 * of the value), an Expect line is taken out.
 *
 * Refused with 400 (RFC 9112 §3.2, §5.1, §5.2, §6.1, §6.3): a version other than 1.0 and 1.1; a
 * Host that is missing in HTTP/1.1, there twice, or no host; Content-Length that is no number, or
 * there twice and different; Transfer-Encoding in HTTP/1.0, twice, beside Content-Length, or other
 * than "chunked"; a header without a name, with white space behind it, or continued on another
 * line. With 417: an expectation other than 100-continue. */
framing_t framing_check(char *head, size_t len);

/* The text of a 400 when the first bytes of INPUT cannot be a method, so that no HTTP comes; NULL
 * while they can. */
const char *framing_early_fault(slice_t input);

/* Turns the head's Transfer-Encoding line into Content-Length: LENGTH, in the same room, once the
 * chunked body has been decoded. LENGTH has at most 10 digits. */
void framing_set_length(char *head, const framing_t *framing, uint64_t length);

#endif
