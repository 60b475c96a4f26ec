/* What the targets keep that nobody owns: those whose records come by operations of theirs
 * (retention.h). Threading: no state, any thread. */
#ifndef POSTERN_WORKERS_JOURNAL_UNOWNED_H
#define POSTERN_WORKERS_JOURNAL_UNOWNED_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool (*has)(unsigned op);         /* NULL: there are none */
    uint64_t age_ms, messages, bytes; /* 0: no limit of their own */
} journal_unowned_t;

#endif
