/* The monitor's documents. Private to common/monitor; any thread. */
#ifndef POSTERN_EXPOSITION_H
#define POSTERN_EXPOSITION_H

#include "common/monitor/monitor.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
    METRIC_TYPE_COUNTER,
    METRIC_TYPE_GAUGE,
    METRIC_TYPE_AGE,
    METRIC_TYPE_HISTOGRAM,
    METRIC_TYPE_SIZES
} metric_type_t;
typedef enum {
    METRIC_LABEL_NONE,
    METRIC_LABEL_OP,
    METRIC_LABEL_CODE,
    METRIC_LABEL_KIND,
    METRIC_LABEL_FORMAT,   /* two labels: format and result */
    METRIC_LABEL_SIGNATURE /* preset and reason */
} metric_label_t;

/* The kinds of process, for metric_row_t's at. */
enum {
    AT_GATEWAY = 1,
    AT_AUTHD = 2,
    AT_ROUTER = 4,
    AT_WORKER = 8,
    AT_DELIVERY = 16, /* the workers that call handlers; they are AT_WORKER too */
    AT_ALL = AT_GATEWAY | AT_AUTHD | AT_ROUTER | AT_WORKER
};

typedef struct {
    const char *name;
    metric_type_t type;
    metric_label_t label;
    unsigned at; /* bits of the processes that export it */
    const char *help;
} metric_row_t;
extern const metric_row_t metric_table[];

/* A metric's values: slot 0 without a label, else a slot a label; of a histogram the buckets, the
 * sum and the count. A HISTOGRAM has bounds from 50 µs on, doubled, a SIZES from 1 to 1,024; the
 * last bucket is without a bound. */
enum { METRIC_SIZES = 12, METRIC_SLOTS = 256 };
enum { METRIC_SLOT_SUM = METRIC_BUCKETS, METRIC_SLOT_COUNT = METRIC_BUCKETS + 1 };

int64_t metric_read(unsigned metric, unsigned slot);

/* True once something was added or set, and for good: a gauge that is back at 0 is still told. */
bool metric_touched(unsigned metric, unsigned slot);

/* How many values of its label a metric can have; 1 without a label. */
unsigned metric_labels(unsigned metric);

/* How many pairs of a label that has two have been met, and the labels of one. */
unsigned label_pairs(metric_label_t label);
void label_pair_write(FILE *to, metric_label_t label, unsigned slot);

/* Seconds since 1970 at which the process started. */
double process_start_seconds(void);

/* Writes the Prometheus text format 0.0.4. INDEX: which of several (a worker's shard). STARTED as
 * above; SILENT: seconds since the main loop turned. */
void exposition_write(FILE *to, const char *process, unsigned index, double started, double silent);

/* Whether the process is ready by its checks. */
bool checks_ready(bool *degraded);

/* Writes /readyz's JSON; true when the process is ready. */
bool checks_write(FILE *to, const char *process, unsigned index, const char *installation);

#endif
