/* Messages that a target has already: how often each, by its time, its sender's name and what it
 * says. Memory: 17 bytes a message.
 *
 * Threading: one thread. */
#ifndef POSTERN_CTL_SEND_KNOWN_H
#define POSTERN_CTL_SEND_KNOWN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct known known_t;
known_t *known_new(void);
void known_destroy(known_t **self_p);

/* Adds ROW, as a history has it, before known_sort. */
void known_add(known_t *self, const json_t *row);
void known_sort(known_t *self);
/* Whether it has ROW; once for each time that it was added. */
bool known_take(known_t *self, const json_t *row);

#endif
