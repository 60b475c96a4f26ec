/* Readings that go on, of whoever opened the control socket: a history page by page, or messages as
 * they come. One row of the audit, written before the first page, stands for all that lies behind
 * the place where it began and is narrowed in the same way (a time, a sender), over the same
 * connection, for FOLLOWED_MS.
 *
 * Threading: one thread. */
#ifndef POSTERN_AUTHD_ADMIN_FOLLOWED_H
#define POSTERN_AUTHD_ADMIN_FOLLOWED_H

#include "common/base/uuid.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    FOLLOWED_MS = 3600000,
    FOLLOWED_MOST = 64, /* readings that are remembered: the one that was asked for longest ago is
                           forgotten first, and gets a row again when it goes on */
    FOLLOWED_TEXT = 256,
};

typedef struct followed followed_t;
followed_t *followed_new(void);
void followed_destroy(followed_t **self_p);

/* A page: by whom (an instance), of what, and from where on. */
typedef struct {
    uint64_t origin;
    unsigned op, environment;
    uuid_t7 target;
    bool backwards;               /* order=desc */
    uint64_t start;               /* `from`, or backwards `before`: a sequence */
    char narrowed[FOLLOWED_TEXT]; /* what else it asks for, as JSON */
} followed_page_t;

/* Reads where a page begins, and what it is narrowed by, out of a reading's parameters ARGS: an
 * object of texts and numbers. False where that is no number, or longer than FOLLOWED_TEXT. */
bool followed_place(const json_t *args, followed_page_t *page);

/* Whether a row that was noted stands for the page. */
bool followed_has(followed_t *self, const followed_page_t *page, int64_t now_ms);
/* A row was written for the page and what follows. */
void followed_note(followed_t *self, const followed_page_t *page, int64_t now_ms);

#endif
