/* Connections that are closed while their sender still sends (a body past the limit): closing at
 * once would reset them, and the sender would never read why. So a second descriptor of each is
 * kept for a while, and the input is thrown away.
 *
 * One thread: the loop's. */
#ifndef POSTERN_GATEWAY_HTTP_PARTING_H
#define POSTERN_GATEWAY_HTTP_PARTING_H

#include <h2o.h>
#include <stdbool.h>

typedef struct parting parting_t;

parting_t *parting_new(h2o_loop_t *loop);

/* Takes the descriptor, whose answer has been written: closes it when the sender is done, after 2
 * s, or when 16 MiB have come; at once when 256 linger already. */
void parting_add(parting_t *self, int fd, int64_t now_ms);

/* Closes what has lingered long enough. */
void parting_tick(parting_t *self, int64_t now_ms);

#endif
