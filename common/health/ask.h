/* Gets pages of monitors (HTTP/1.1, GET, without a body), all at the same time, and never waits
 * longer than it is told to. No name is resolved, no redirect followed, no proxy asked. Threading:
 * any thread; opens descriptors with close-on-exec. */
#ifndef POSTERN_HEALTH_ASK_H
#define POSTERN_HEALTH_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *address; /* numeric host:port */
    const char *path;    /* "/readyz" */
} inquiry_t;

typedef struct {
    int status;      /* 0: there was no whole answer, see error */
    char *body;      /* NUL-terminated, at most 4 MiB; the caller's to free by ask_reply_clear */
    size_t body_len; /* what is longer is no answer */
    bool mute;       /* the connection was made, and no whole answer came in time */
    bool refused;    /* the host is there, and nobody listens */
    char error[128];
} ask_reply_t;

/* Returns when each of LEN has its reply, after TIMEOUT_MS at the latest. */
void ask_all(const inquiry_t *asks, ask_reply_t *replies, size_t len, int64_t timeout_ms);
void ask_reply_clear(ask_reply_t *reply);

#endif
