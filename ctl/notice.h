/* The notice that a running `posternctl up` leaves in the sockets' directory for the other
 * commands: {"pid", "gateways", "hosts", "set": ["section.key=value", …]}. The notice holds as long
 * as the process that made it lives, because that process keeps its file locked. */
#ifndef POSTERN_NOTICE_H
#define POSTERN_NOTICE_H

#include <jansson.h>

/* Makes the notice CONTENT (borrowed) in DIR, for as long as this process lives. 0, or -1 when
 * another process has one there (*holder is its pid, 0 when unknown), or -2 with the reason in
 * ERR. */
int notice_hang(const char *dir, const json_t *content, long *holder, char *err, size_t err_size);

/* The content of the notice in DIR, the caller's; NULL when there is none. */
json_t *notice_read(const char *dir);

#endif
