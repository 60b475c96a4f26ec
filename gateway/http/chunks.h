/* The decoder of a chunked body (RFC 9112 §7.1), which works in the buffer that the body's bytes
 * come into.
 *
 * Strict, because whoever else reads the same bytes must find the same end: a size is 1 to 8
 * hexadecimal digits, every line ends with CR LF, extensions and trailer fields are dropped and
 * have bounds. One thread at a time. */
#ifndef POSTERN_GATEWAY_HTTP_CHUNKS_H
#define POSTERN_GATEWAY_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

enum { CHUNKS_EXTENSION = 1024, CHUNKS_TRAILER = 8192 };

/* Where the decoder stands; zeroed at the begin of a body. */
typedef struct {
    int state;
    uint64_t left; /* of the chunk */
    unsigned digits;
    size_t line; /* bytes of the extension, or of the trailer */
} chunks_t;

typedef enum { CHUNKS_MORE, CHUNKS_DONE, CHUNKS_BAD } chunks_result_t;

/* Reads LEN raw bytes at DATA: the *decoded ones among them move to its begin. *taken: how many raw
 * bytes were read, which are all but with CHUNKS_DONE, where what follows is no part of the body.
 */
chunks_result_t chunks_decode(chunks_t *self, char *data, size_t len, size_t *decoded,
                              size_t *taken);

#endif
