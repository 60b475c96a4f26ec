/* Metrics, health checks and the monitor, an HTTP endpoint on a thread of its own (libh2o):
 *
 *   GET /healthz  200 "ok" while the main loop has ticked within 2.5 s, else 503
 *   GET /readyz   200 or 503 and {"ready": bool, "degraded": bool, "checks": [{"name", "state",
 *                 "reason"}]}
 *   GET /metrics  Prometheus text format 0.0.4, from metrics.def, and process_* of the process
 *
 * Threading: metric_* and monitor_check are for any thread (relaxed atomics, a short lock); the
 * rest is for the main thread. */
#ifndef POSTERN_MONITOR_H
#define POSTERN_MONITOR_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
#define METRIC(name, type, label, at, help, action) METRIC_##name,
#include "common/monitor/metrics.def"
    METRIC_COUNT
} metric_t;

/* Adds to a counter or gauge without a label (label NONE). */
void metric_add(metric_t metric, int64_t n);
/* Sets a gauge without a label; an AGE in milliseconds. */
void metric_set(metric_t metric, int64_t value);
/* metric_add and metric_set for a row with a label: op_index () for OP, the error's number for CODE
 * (0: none), the op_owner_t for KIND, metric_format () for FORMAT, metric_signature () for
 * SIGNATURE. Out of range is a bug (asserted). */
void metric_add_at(metric_t metric, unsigned label, int64_t n);
void metric_set_at(metric_t metric, unsigned label, int64_t value);
/* The label of a format of events and of what it gave, names of up to 32 bytes. Past the room for
 * such pairs all others are one, "other". The main thread's. */
unsigned metric_format(slice_t format, const char *result);
/* Likewise of the preset of a source, and why a signature was refused. */
unsigned metric_signature(slice_t preset, const char *reason);
/* One observation of a HISTOGRAM. */
void metric_observe_us(metric_t metric, int64_t us);
/* One observation of a SIZES. */
void metric_observe_size(metric_t metric, int64_t size);
/* Reads back: the sum over labels; a histogram's count. */
int64_t metric_get(metric_t metric);

/* A HISTOGRAM's buckets: from 50 µs on, doubled, the last one without a bound. */
enum { METRIC_BUCKETS = 20, METRIC_BOUND_US = 50 };
typedef struct {
    int64_t count[METRIC_BUCKETS];
} metric_buckets_t;
metric_buckets_t metric_buckets(metric_t metric);
/* A quantile (0 to 1) in µs of what was observed from BEFORE to NOW, where in its bucket is
 * interpolated, the last bound beyond that; -1: nothing was. */
double metric_quantile_us(const metric_buckets_t *now, const metric_buckets_t *before, double q);

/* Starts the thread. PROCESS is "postern-<kind>", INDEX which of several (a worker's shard): the
 * labels of every metric; ADDRESS is host:port; INSTALLATION as conf_installation has it. Exits
 * with EXIT_CONFIG when ADDRESS is none that this process may listen at. Where another process has
 * it, that is logged, and the thread tries again each second: what the process serves does not
 * depend on its monitor. */
void monitor_start(const char *process, unsigned index, const char *address,
                   const char *installation);

/* Another INDEX from now on: of a worker that has taken a shard after its monitor was started. */
void monitor_index(unsigned index);

/* The same as monitor_start, but the address may be shared with an older process of the same
 * installation that was started so, too: each connection goes to one of the two processes until the
 * older calls monitor_retire, which leaves the address to the younger. Connections that are open
 * live on. */
void monitor_start_shared(const char *process, unsigned index, const char *address,
                          const char *installation);
void monitor_retire(void);

/* Whether the monitor has its address. */
bool monitor_listens(void);

/* The main loop calls it at least once a second; also a sign of life for systemd's watchdog. */
void monitor_tick(void);

/* How a check stands. DEGRADED keeps /readyz at 200. */
typedef enum { CHECK_OK, CHECK_DEGRADED, CHECK_FAILED } check_state_t;

/* Sets a named check (at most 32, names up to 63 bytes; reasons are cut at 200). A
 * process is ready when it has at least one check and none is FAILED. */
void monitor_check(const char *name, check_state_t state, const char *reason);

#endif
