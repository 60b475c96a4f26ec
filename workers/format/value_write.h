/* Values as JSON. Threading: as value.h. */
#ifndef POSTERN_WORKERS_FORMAT_VALUE_WRITE_H
#define POSTERN_WORKERS_FORMAT_VALUE_WRITE_H

#include "workers/format/room.h"
#include "workers/format/value.h"
#include "workers/message/json_out.h"

/* Writes all of the value, behind what OUT holds; a missing one is null. What is past the room's
 * budget is null, too, and the room is spent then. */
void value_write(room_t *room, const value_t *value, json_out_t *out);

#endif
