/* A place in a list as a text that a client keeps and hands back: what a page gives as "next" and
 * takes as "after". The text is opaque, and has a check over the list and the place, which finds
 * one that was cut, altered, made up, or is of another list or order. The check is no secret, and
 * needs to be none: a place opens nothing, and a list shows behind it what it shows in any case.
 *
 * Threading: any thread. */
#ifndef POSTERN_CURSOR_H
#define POSTERN_CURSOR_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CURSOR_PLACE = 80, /* bytes of the longest place */
    CURSOR_TEXT = 121, /* of the longest text, with its NUL */
};

/* The text of PLACE, 1 to CURSOR_PLACE bytes, in LIST: the name of the list and its order. */
void cursor_write(slice_t list, slice_t place, char text[CURSOR_TEXT]);
/* The length of the place that TEXT is in LIST; 0: it is none. */
size_t cursor_read(slice_t list, slice_t text, uint8_t place[CURSOR_PLACE]);

/* The same of a place that is a number. */
void cursor_write_number(slice_t list, uint64_t number, char text[CURSOR_TEXT]);
bool cursor_read_number(slice_t list, slice_t text, uint64_t *number);

#endif
