#include "authd/manage/stream_url.h"

#include "authd/manage/task.h"
#include "common/base/moment.h"
#include "common/base/secret.h"
#include "common/base/url.h"
#include "common/wire/wire.h"

#include <assert.h>

static bool s_is_known(slice_t params)
{
    slice_t name, value;
    for (wire_pairs_t each = wire_pairs_begin(params); wire_pairs_next(&each, &name, &value);)
        if (!slice_is(name, "targets") && !slice_is(name, "expires"))
            return false;
    return true;
}

uint64_t stream_url_ends(slice_t params, int64_t wall_ms, const char **fault)
{
    slice_t text;
    int64_t ends_ms = wall_ms + SHARED_MS;
    if (!s_is_known(params))
        *fault =
            "The URL of a stream takes the parameters targets and expires; since and others go "
            "behind the URL itself.";
    if (wire_pairs_find(params, "expires", &text)) {
        int64_t at_ms = moment_parse(text, wall_ms);
        bool span = at_ms >= 0 && at_ms < wall_ms; /* an age as 7d: so long from now on */
        ends_ms = span ? 2 * wall_ms - at_ms : at_ms;
    }
    if (ends_ms <= wall_ms || ends_ms > wall_ms + SHARED_MOST_MS)
        *fault =
            "expires must be a time as 2026-01-02T03:04:05Z to come, or a time from now on as 10m, "
            "2h or 7d, 30 days from now at most.";
    return (uint64_t)ends_ms / 1000 * 1000;
}

char *stream_url(const uint8_t key[SHARED_KEY], const shared_t *shared, const slice_t *targets,
                 const char *base)
{
    char text[SHARED_TEXT];
    shared_make(key, shared, targets, text);
    char *url = url_make(base, OP_stream_shared, text);
    if (targets) {
        char *names = strndup(targets->data, targets->len);
        assert(names);
        url_add(&url, "targets", names);
        free(names);
    }
    json_t *all = json_pack("{s:s, s:o}", "url", url, "expires", task_json_time(shared->ends_ms));
    char *json = json_dumps(all, JSON_COMPACT);
    assert(json);
    json_decref(all);
    secret_wipe(text, sizeof text);
    secret_wipe(url, strlen(url));
    free(url);
    return json;
}
