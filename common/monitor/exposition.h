/* The monitor's documents. Private to common/monitor; any thread. */
#ifndef POSTERN_EXPOSITION_H
#define POSTERN_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Histogram buckets: 50 µs doubled, the last one without a bound. */
enum { METRIC_BUCKETS = 20, METRIC_LABELS = 64 };

int64_t metric_read(unsigned metric, unsigned slot);
enum { METRIC_SLOT_SUM = METRIC_BUCKETS, METRIC_SLOT_COUNT = METRIC_BUCKETS + 1 };

/* Writes the Prometheus text format 0.0.4. */
void exposition_write(FILE *to, const char *process);

/* Writes /readyz's JSON; true when the process is ready. */
bool checks_write(FILE *to);

#endif
