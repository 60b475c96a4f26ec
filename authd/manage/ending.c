#include "authd/manage/ending.h"

#include "authd/directory/tokens.h"
#include "common/monitor/monitor.h"

bool ending_look(ending_t *self, view_t *view, uint64_t now_ms)
{
    token_t token;
    bool more = tokens_next_of_all(view, uuid_is_nil(&self->last) ? NULL : &self->last, &token);
    for (unsigned i = 0; more && i < ENDING_LOOK; i++) {
        self->found += token_ends_by(&token, now_ms, now_ms + ENDING_SOON_MS);
        self->last = token.id;
        more = tokens_next_of_all(view, &token.id, &token);
    }
    if (more)
        return true;
    metric_set(METRIC_tokens_ending, (int64_t)self->found);
    *self = (ending_t){.found = 0};
    return false;
}
