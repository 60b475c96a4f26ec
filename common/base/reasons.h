/* Why a request was refused, for programs, beside the code of its error: the table of
 * common/reasons.def. Threading: read-only, any thread. */
#ifndef POSTERN_REASONS_H
#define POSTERN_REASONS_H

typedef enum {
    REASON_none = 0,
#define REASON(name, code, meaning) REASON_##name,
#include "common/reasons.def"
#undef REASON
} reason_t;

/* "" for none. */
const char *reason_name(reason_t reason);

#endif
