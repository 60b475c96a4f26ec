/* The monitors of a fleet, all asked at the same time: however many are silent, the answers take
 * one timeout. Threading: any thread. */
#ifndef POSTERN_HEALTH_MONITORS_H
#define POSTERN_HEALTH_MONITORS_H

#include "common/health/ask.h"
#include "common/health/fleet.h"

#include <jansson.h>

enum { MONITORS_TIMEOUT_MS = 2000 };

/* Gets PAGES paths of each process I with WANTED[I] (NULL: of all), in TIMEOUT_MS. replies[i *
 * PAGES + page] are the caller's to clear; those of the others are empty. */
void monitors_ask(const fleet_t *fleet, const bool *wanted, const char *const *paths,
                  unsigned pages, int64_t timeout_ms, ask_reply_t *replies);

/* Why a monitor gave no answer, in a word: "stopped" when the kernel takes connections for the
 * process, but it does not answer (SIGSTOP, a debugger, a frozen container), else "absent". NULL
 * when the monitor gave an answer. */
const char *monitors_silence(const ask_reply_t *reply);

/* Whether somebody else answers at the station's address, as the answer of its /readyz says
 * (READINESS: its JSON, NULL where it is none), and who, for people. A process of an older version
 * does not say that. INSTALLATION: as conf_installation has it. */
bool monitors_foreign(const station_t *station, const ask_reply_t *reply, const json_t *readiness,
                      const char *installation, char *reason, size_t size);

#endif
