#include "common/health/flows.h"

#include <stddef.h>
#include <string.h>

static const flow_t s_flows[] = {
    {"gateway", "http_requests_total", "link_entries_sent_total", "link_batch_entries_count",
     "link_batch_entries_sum", "forward_entries", "forward_oldest_seconds", "http_request_seconds"},
    {"authd", "link_entries_received_total", "link_entries_sent_total", "link_batch_entries_count",
     "link_batch_entries_sum", "forward_entries", "forward_oldest_seconds", "verdict_seconds"},
    {"router", "link_entries_received_total", "link_entries_sent_total", "link_batch_entries_count",
     "link_batch_entries_sum", "queue_entries", "queue_oldest_seconds", "route_seconds"},
    {NULL, "link_entries_received_total", "link_entries_sent_total", "link_batches_received_total",
     "link_entries_received_total", NULL, NULL, "commit_seconds"},
};

const flow_t *flow_of(const char *section)
{
    const flow_t *flow = s_flows;
    while (flow->section && strcmp(flow->section, section) != 0)
        flow++;
    return flow;
}
