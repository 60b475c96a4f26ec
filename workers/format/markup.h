/* The channel's markup (docs/API.md, The message object): how a value is written so that it means
 * nothing there, and how senders' own markup becomes it.
 *
 * Threading: no state but the text that is written. */
#ifndef POSTERN_WORKERS_FORMAT_MARKUP_H
#define POSTERN_WORKERS_FORMAT_MARKUP_H

#include "workers/format/filter.h"

/* TEXT with \ before what would be markup or a mention; without control characters and those that
 * turn the direction of writing. */
void markup_escaped(text_t *out, slice_t text);

/* TEXT for a field without markup: on one line, without control characters. */
void markup_flat(text_t *out, slice_t text);

/* ADDRESS when it is one of http, https or mailto, with what would end a link encoded; nothing and
 * false when it is none. */
bool markup_address(text_t *out, slice_t address);

/* Markup that was cut, without what the cut left of an escape or a link at its end. */
slice_t markup_whole(slice_t text);

/* A value with the texts around it, escaped unless it is markup already, or TRUSTED, a text of the
 * format's own, or the room is at a field without markup. */
void markup_operand(text_t *out, const shown_t *shown, bool trusted);

/* Markdown (CommonMark with GitHub's additions) and Slack's mrkdwn as the channel's markup. */
void markup_from_markdown(text_t *out, slice_t text);
void markup_from_mrkdwn(text_t *out, slice_t text);

/* HTML or Markdown as text. */
void markup_stripped(text_t *out, slice_t text);

/* How many bytes at the start of TEXT are a character that is left out: control characters but
 * line ends and tabs, and those of bidirectional writing (UAX #9). */
size_t markup_left_out(slice_t text);

#endif
