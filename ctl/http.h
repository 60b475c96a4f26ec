/* HTTP requests by libcurl. Threading: one thread. */
#ifndef POSTERN_HTTP_H
#define POSTERN_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_HEADERS = 8 };

typedef struct {
    const char *method;
    const char *url;
    const char *body; /* NULL: none */
    size_t body_len;
    const char *headers[HTTP_HEADERS + 1]; /* "Name: value"; NULL ends them */
    long timeout_ms;
} http_request_t;

typedef struct {
    long status; /* 0: there was no answer, see error */
    char *body;  /* NUL-terminated, at most 32 MiB; the caller's to free by http_reply_clear */
    size_t body_len;
    unsigned retry_after_s; /* 0: none */
    char error[256];
} http_reply_t;

/* Follows no redirect; a loopback address is reached without a proxy. */
void http_request(const http_request_t *request, http_reply_t *reply);
void http_reply_clear(http_reply_t *reply);

/* What all requests have in common; CURL is libcurl's easy handle. */
void http_prepare(void *curl, const char *url);
/* Reads a line of a head: of Retry-After the seconds, else nothing. */
void http_retry_after(const char *line, size_t len, unsigned *seconds);

#endif
