/* The notice that a running `posternctl up` leaves in the sockets' directory for the other
 * commands:
 * {"pid", "gateways", "set": ["section.key=value", …]}. It holds as long as the process that hung
 * it lives, because that process keeps it locked. */
#ifndef POSTERN_NOTICE_H
#define POSTERN_NOTICE_H

#include <jansson.h>

/* Hangs CONTENT (borrowed) out in DIR until the process ends. 0, or -1 when
 * another one hangs there (*holder is its pid, 0 when unknown), or -2 with the reason in ERR. */
int notice_hang(const char *dir, const json_t *content, long *holder, char *err, size_t err_size);

/* What hangs in DIR; NULL when nothing does. The caller's. */
json_t *notice_read(const char *dir);

#endif
