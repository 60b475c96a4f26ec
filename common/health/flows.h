/* What of a process's metrics tells how much goes through it, by its kind. Threading: any thread.
 */
#ifndef POSTERN_HEALTH_FLOWS_H
#define POSTERN_HEALTH_FLOWS_H

/* Names for sample.h. NULL: it has none. */
typedef struct {
    const char *section;
    const char *in, *out;         /* entries */
    const char *batches, *filled; /* batches, and the entries in them */
    const char *queue, *oldest;
    const char *time; /* a histogram */
} flow_t;

/* Of a kind of process ("gateway"); a worker's for all that are none else. */
const flow_t *flow_of(const char *section);

#endif
