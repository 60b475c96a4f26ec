/* The filters of formats: what a value goes through before it is written.
 *
 * Threading: no state but the room that is given. */
#ifndef POSTERN_WORKERS_FORMAT_FILTER_H
#define POSTERN_WORKERS_FORMAT_FILTER_H

#include "workers/format/syntax.h"
#include "workers/format/value.h"

/* A value on its way to a text. */
typedef struct {
    value_t value;
    bool is_markup;  /* written as it stands: it is markup already */
    bool is_address; /* checked: http, https or mailto */
    /* The format's own texts around the value, which are not escaped where it is. */
    slice_t before, after;
} shown_t;

/* A filter at work: SELF is replaced. */
typedef struct {
    room_t *room;
    shown_t *self;
    const shown_t *args;
    const operand_t *written; /* the arguments in the format: its own texts are not escaped */
    unsigned count;
} filtering_t;

typedef struct filter_row filter_row_t;

/* NULL: there is none of this name. */
const filter_row_t *filter_find(slice_t name);

/* The name of a filter that NAME may be meant for; NULL when none is near. */
const char *filter_near(slice_t name);

/* The arguments that it takes. */
unsigned filter_least(const filter_row_t *row);
unsigned filter_most(const filter_row_t *row);

void filter_apply(const filter_row_t *row, filtering_t *in);

/* Whether the expression's last filter makes an address. */
bool filter_ends_in_address(const expr_t *expr);

/* The rows, for a list of them: name and what it does; false past the last one. */
bool filter_tell(size_t number, const char **name, const char **what);

/* What the filters of the other files have in common. */

/* The text of the value, and of an argument: empty when it is not there. */
slice_t filter_text(filtering_t *in);
slice_t filter_arg(filtering_t *in, unsigned number);

/* What is trimmed off a text. */
#define FILTER_BLANKS " \t\r\n"

/* Makes the texts around the value a part of it. */
void shown_fold(room_t *room, shown_t *shown);

/* The text of a value: at most 32 KiB of it, a number in its shortest form, a container as compact
 * JSON of at most 1,000 bytes. Valid as long as the room's memory, and the event. */
slice_t shown_text(room_t *room, const value_t *value);
value_t value_of_text(slice_t text);
value_t value_of_number(double number);
/* A text that is a number counts as one. */
bool value_is_number(const value_t *value, double *number);
/* Missing, null, false, and what is empty, is not; 0 is. */
bool value_is_true(const value_t *value);
/* The member NAME of an object, the INDEXth of an array (from the end when negative). */
value_t value_member(room_t *room, const value_t *value, slice_t name);
value_t value_at(room_t *room, const value_t *value, int64_t index);

/* Lists (filter_list.c), numbers and times (filter_number.c), colours (filter_color.c), markup
 * (markup.c, markup_to.c). */
void filter_join(filtering_t *in);
void filter_count(filtering_t *in);
void filter_length(filtering_t *in);
void filter_first(filtering_t *in);
void filter_last(filtering_t *in);
void filter_keys(filtering_t *in);
void filter_json(filtering_t *in);
void filter_number(filtering_t *in);
void filter_round(filtering_t *in);
void filter_bytes(filtering_t *in);
void filter_percent(filtering_t *in);
void filter_money(filtering_t *in);
void filter_duration(filtering_t *in);
void filter_date(filtering_t *in);
void filter_mark(filtering_t *in);
void filter_url(filtering_t *in);
void filter_link(filtering_t *in);
void filter_bold(filtering_t *in);
void filter_code(filtering_t *in);
void filter_pre(filtering_t *in);
void filter_quote(filtering_t *in);
void filter_md(filtering_t *in);
void filter_mrkdwn(filtering_t *in);
void filter_plain(filtering_t *in);
void filter_as(filtering_t *in);
void filter_encode(filtering_t *in);

#endif
