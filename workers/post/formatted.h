/* What a format made of an event, beyond the job's journal entry: one piece of memory, freed with
 * the job. */
#ifndef POSTERN_WORKERS_POST_FORMATTED_H
#define POSTERN_WORKERS_POST_FORMATTED_H

#include "common/wire/wire.h"

typedef struct formatted {
    uint8_t dedupe[WIRE_DEDUPE]; /* the key of an event that its sender names */
    slice_t message;             /* a message object */
    slice_t answer;              /* the sender's: JSON, a text as a string; empty: none */
    slice_t headers;             /* of an event that is kept: with WIRE_FORMAT */
    char bytes[];
} formatted_t;

#endif
