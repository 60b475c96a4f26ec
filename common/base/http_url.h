/* A strict reader of the http and https URLs that Postern is told to call.
 *
 * A check is passed by where two readers of one URL disagree; so this reader takes only URLs that
 * have one meaning: "http://" or "https://", a host, ":port", and a path and query of the
 * characters that RFC 3986 lets stand there. The host is a DNS name (ASCII: letters, digits, "-",
 * "_"), four decimal numbers, or an IPv6 address in brackets. User names, fragments, zone ids,
 * names that end in a dot, and whatever inet_aton would read as a number (0177.1, 0x7f.1,
 * 2130706433, 127.1) are refused. No name is resolved and no address judged here. Threading: any
 * thread. */
#ifndef POSTERN_HTTP_URL_H
#define POSTERN_HTTP_URL_H

#include "common/base/address.h"
#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { HTTP_URL_MAX = 2048, HTTP_URL_HOST_MAX = 253 };

typedef struct {
    bool tls;        /* https */
    bool is_address; /* the host is an address, and not a name */
    uint16_t port;   /* 1 to 65535; 80 or 443 when the URL names none */
    address_t address;
    char host[HTTP_URL_HOST_MAX + 1]; /* lower case, an IPv6 address without its brackets */
    slice_t target;                   /* path and query, in the text that was read; may be empty */
} http_url_t;

/* False with the reason, and what to do, in err. */
bool http_url_parse(slice_t text, http_url_t *url, char *err, size_t err_size);

#endif
