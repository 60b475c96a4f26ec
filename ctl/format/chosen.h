/* The format that a command is about: a built-in one or an operator's by its name, or the folder of
 * one that is being written. Threading: one thread. */
#ifndef POSTERN_CTL_FORMAT_CHOSEN_H
#define POSTERN_CTL_FORMAT_CHOSEN_H

#include "ctl/caught.h"
#include "ctl/ctl.h"
#include "workers/format/formats.h"

typedef struct {
    formats_t *set;
    formats_row_t folder; /* of a folder */
    const formats_row_t *row;
} chosen_t;

/* The set, with the formats of --formats. False after the error was shown. chosen_free in either
 * case. */
bool chosen_open(chosen_t *self, ctl_t *ctl);

/* Finds NAME in the set, or reads the folder of that path; false likewise. */
bool chosen_find(chosen_t *self, ctl_t *ctl, const char *name);

/* Reads the folder PATH, whatever names there are in the set; false likewise. */
bool chosen_folder(chosen_t *self, ctl_t *ctl, const char *path);

void chosen_free(chosen_t *self);

/* What was caught, as an event for a format; borrows all of it. */
event_t chosen_event(const caught_t *caught);

#endif
