/* Answers that come line by line and need not end, several at once, by libcurl. Threading: one
 * thread. */
#ifndef POSTERN_HTTP_LINES_H
#define POSTERN_HTTP_LINES_H

#include <stddef.h>

enum { HTTP_LINES_SILENT_S = 30 /* without a byte: the answer is over */ };

typedef struct http_lines http_lines_t;

typedef struct {
    /* A line of an answer of status 200, without its end; changed in place and gone afterwards. */
    void (*line)(void *arg, char *line, size_t len);
    /* It is over. STATUS: 0: there was no answer; of another than 200 BODY is all of it (at most 64
     * KiB, NUL-terminated), else "". ERROR: what libcurl says, or "". RETRY_S: of Retry-After. */
    void (*ended)(void *arg, long status, const char *body, const char *error, unsigned retry_s);
} http_lines_calls_t;

http_lines_t *http_lines_new(const http_lines_calls_t *calls);
void http_lines_destroy(http_lines_t **self_p);

/* GETs URL with HEADERS ("Name: value"; NULL ends them), which are copied. */
void http_lines_begin(http_lines_t *self, const char *url, const char *const *headers, void *arg);
/* Waits for at most WAIT_MS and calls back for what has come. */
void http_lines_turn(http_lines_t *self, int wait_ms);

#endif
