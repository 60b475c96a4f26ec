/* The monitor's documents. Private to common/monitor; any thread. */
#ifndef POSTERN_EXPOSITION_H
#define POSTERN_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM } metric_type_t;
typedef enum {
    METRIC_LABEL_NONE,
    METRIC_LABEL_OP,
    METRIC_LABEL_CODE,
    METRIC_LABEL_KIND
} metric_label_t;

typedef struct {
    const char *name;
    metric_type_t type;
    metric_label_t label;
    const char *help;
} metric_row_t;
extern const metric_row_t metric_table[];

/* A metric's values: slot 0 without a label, else a slot a label; of a histogram the buckets (50 µs
 * doubled, the last one without a bound), the sum of microseconds and the count. */
enum { METRIC_BUCKETS = 20, METRIC_SLOTS = 64 };
enum { METRIC_SLOT_SUM = METRIC_BUCKETS, METRIC_SLOT_COUNT = METRIC_BUCKETS + 1 };

int64_t metric_read(unsigned metric, unsigned slot);

/* True once something was added or set, and for good: a gauge that is back at 0 is still told. */
bool metric_touched(unsigned metric, unsigned slot);

/* How many values of its label a metric can have; 1 without a label. */
unsigned metric_labels(unsigned metric);

/* Seconds since 1970 at which the process started. */
double process_start_seconds(void);

/* Writes the Prometheus text format 0.0.4. */
void exposition_write(FILE *to, const char *process, double started);

/* Writes /readyz's JSON; true when the process is ready. */
bool checks_write(FILE *to);

#endif
