/* One look at the processes of the ring: their monitors are asked at the same time, and what each
 * look finds is compared with the look before. Threading: one thread. */
#ifndef POSTERN_GATEWAY_HEALTH_LOOK_H
#define POSTERN_GATEWAY_HEALTH_LOOK_H

#include "common/health/condition.h"
#include "common/health/fleet.h"
#include "common/health/sample.h"

/* How long one look takes at most, and how many gateways, authds and routers it looks for, whose
 * number no setting tells: those that have answered once are looked at from then on. */
enum { LOOK_MS = 1000, LOOK_MOST = 8 };

typedef struct {
    const station_t *station;
    bool shown; /* a setting counts it, it is the first of its kind or ours, or it was seen */
    const char *state;      /* condition.h's, or "unreachable": nobody can tell from this host */
    condition_t condition;  /* of this look */
    sample_t *now, *before; /* /metrics; NULL: none, or of another process than this one */
    double seconds;         /* between these two */
    double started_s;       /* since 1970; 0: it was never seen */
    int64_t since_ms;       /* since when, on the wall clock, the state is so, as far as was seen */
    int64_t sampled_ms;     /* clock_ms */
    unsigned restarts;      /* that were seen */
} seen_t;

typedef struct look look_t;

/* OWN: the index of this gateway. */
look_t *look_new(const conf_t *conf, unsigned own);
void look_destroy(look_t **self_p);

/* Asks; returns after LOOK_MS at the latest. */
void look_round(look_t *self);

unsigned look_len(const look_t *self);
/* Until the next round. */
const seen_t *look_at(const look_t *self, unsigned i);

#endif
