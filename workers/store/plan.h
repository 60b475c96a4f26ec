/* The plan of a switch (switch.h) as it lies in data/switch.json. Who may write the data directory
 * may put one there: it is believed when the user that runs this wrote it, and says nothing that a
 * plan of ours does not say. Threading: one thread. */
#ifndef POSTERN_PLAN_H
#define POSTERN_PLAN_H

#include "workers/store/keeper.h"

#include <stddef.h>

#define SWITCH_NEW "switch.new"
#define SWITCH_ASIDE "replaced-" /* and the time and a pid: where former stores go */

/* The plan at PATH, which the caller owns: its names are of stores, in the data directory, in
 * switch.new or in the directory for what goes aside. NULL with what to do in err. */
json_t *plan_read(const char *path, char *err, size_t err_size);

#endif
