/* The line by which a load balancer names the client of a connection: PROXY protocol, version 1
 * (text).
 *
 * Read here and not by libh2o, which takes a connection without the line for an ordinary one. Not a
 * byte beyond the line is consumed. Threading: one thread at a time. */
#ifndef POSTERN_GATEWAY_HTTP_PROXY_LINE_H
#define POSTERN_GATEWAY_HTTP_PROXY_LINE_H

#include "gateway/read/client_address.h"

/* The longest line with its CR LF, as the protocol has it. */
enum { PROXY_LINE_MOST = 107 };

typedef struct {
    char text[PROXY_LINE_MOST + 1];
    size_t len;
} proxy_line_t;

typedef enum {
    PROXY_LINE_MORE,    /* not all of it has come */
    PROXY_LINE_CLIENT,  /* *client is set */
    PROXY_LINE_UNKNOWN, /* a good line that names nobody: the connection is the balancer's own */
    PROXY_LINE_BAD,     /* see reason */
} proxy_line_result_t;

/* Reads on from FD (non-blocking) without waiting. *reason is a constant sentence. */
proxy_line_result_t proxy_line_read(proxy_line_t *self, int fd, address_t *client,
                                    const char **reason);

/* Parses a line without its CR LF; never PROXY_LINE_MORE. */
proxy_line_result_t proxy_line_parse(slice_t line, address_t *client, const char **reason);

#endif
