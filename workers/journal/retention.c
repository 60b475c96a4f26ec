#include "workers/journal/retention.h"

#include "common/log/log.h"

#include <inttypes.h>

void retention_log(const uuid_t7 *target, const retention_t *retention)
{
    char text[UUID_TEXT];
    uuid_text(target, text);
    log_info("journal.retained", "target=%s age_ms=%" PRIu64 " messages=%" PRIu64 " bytes=%" PRIu64,
             text, retention->age_ms, retention->messages, retention->bytes);
}
