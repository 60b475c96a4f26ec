/* A message as people see it: a line with its sequence, time, sender and the first line of its
 * text; below it, indented, the others, and what stands in card, slides and buttons. What steers a
 * terminal is shown as '?'. */
#ifndef POSTERN_CTL_SEND_SHOWN_H
#define POSTERN_CTL_SEND_SHOWN_H

#include <jansson.h>
#include <stdbool.h>

/* To stdout. WHERE: its target, or NULL. */
void shown_message(const json_t *row, const char *where, bool colours);

#endif
