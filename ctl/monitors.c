#include "ctl/monitors.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void monitors_ask(const fleet_t *fleet, const bool *wanted, const char *const *paths,
                  unsigned pages, http_reply_t *replies)
{
    unsigned len = fleet_len(fleet), n = 0;
    char(*urls)[320] = calloc((size_t)len * pages, sizeof *urls);
    http_request_t *requests = calloc((size_t)len * pages, sizeof *requests);
    http_reply_t *got = calloc((size_t)len * pages, sizeof *got);
    assert(urls && requests && got);
    for (unsigned i = 0; i < len; i++)
        for (unsigned page = 0; page < pages && (!wanted || wanted[i]); page++) {
            snprintf(urls[n], sizeof *urls, "http://%s%s", fleet_at(fleet, i)->monitor,
                     paths[page]);
            requests[n] = (http_request_t){
                .method = "GET", .url = urls[n], .timeout_ms = MONITORS_TIMEOUT_MS};
            n++;
        }
    http_request_all(requests, got, n);
    memset(replies, 0, (size_t)len * pages * sizeof *replies);
    for (unsigned i = 0, at = 0; i < len; i++)
        for (unsigned page = 0; page < pages && (!wanted || wanted[i]); page++)
            replies[i * pages + page] = got[at++];
    free(urls);
    free(requests);
    free(got);
}

const char *monitors_silence(const http_reply_t *reply)
{
    return reply->status ? NULL : reply->mute ? "stopped" : "absent";
}
