/* One look at a process's /metrics (Prometheus text format), and the differences of two looks. A
 * value that is not there is NAN. Threading: one thread. */
#ifndef POSTERN_HEALTH_SAMPLE_H
#define POSTERN_HEALTH_SAMPLE_H

#include <stddef.h>

typedef struct sample sample_t;

/* Takes what can be read of TEXT; other lines are passed over. */
sample_t *sample_parse(const char *text, size_t len);
void sample_destroy(sample_t **self_p);

/* The sum and the greatest over a metric's labels; names without the prefix postern_ get it. */
double sample_sum(const sample_t *self, const char *name);
double sample_most(const sample_t *self, const char *name);

/* The growth of a counter since BEFORE (NULL: NAN). */
double sample_growth(const sample_t *self, const sample_t *before, const char *name);

/* A quantile (0 to 1) of what a histogram has observed since BEFORE: where in its bucket is
 * interpolated, as Prometheus does; the last bound when it lies beyond that. NAN when nothing was
 * observed. */
double sample_quantile(const sample_t *self, const sample_t *before, const char *name, double q);

#endif
