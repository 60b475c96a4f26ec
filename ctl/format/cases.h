/* The golden cases of a format: in its folder's cases/, NAME.json, NAME.form or NAME.text is a
 * body, NAME.headers its headers (a line each), NAME.query its query, and NAME.expected.json what
 * comes out: a message object, "summary" or "drop".
 *
 * Threading: one thread. */
#ifndef POSTERN_CTL_FORMAT_CASES_H
#define POSTERN_CTL_FORMAT_CASES_H

#include "ctl/format/chosen.h"

#include <jansson.h>

/* Runs all cases of the folder PATH, whose format is ROW, adding {format, case, result, …} of each
 * to ROWS. accept: writes what comes out as what is expected. Returns how many are not as expected;
 * -1 after the error was shown. */
int cases_run(ctl_t *ctl, const chosen_t *chosen, const char *path, bool accept, json_t *rows);

#endif
