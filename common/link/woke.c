#include "common/base/uuid.h"
#include "common/link/link.h"
#include "common/log/log.h"

bool link_woke(uint64_t *self, int64_t *last_ms, int64_t now_ms)
{
    bool silent = *last_ms != 0 && now_ms - *last_ms > LINK_SILENCE_MS;
    int64_t silence_ms = now_ms - *last_ms;
    *last_ms = now_ms;
    if (!silent)
        return false;
    *self = uuid_instance();
    log_warn("link.woke", "silent_ms=%lld", (long long)silence_ms);
    return true;
}
