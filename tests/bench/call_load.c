/* Calls of handlers at full load through workers/caller: each handler has so many calls under way,
 * and gets the next when one has finished.
 *
 *   call_load SECONDS WARMUP_SECONDS ALLOW < "GROUP CONCURRENCY URL" lines
 *
 * prints a line a group: what finished within SECONDS after the warm-up. */
#include "common/base/clock.h"
#include "load.h"
#include "workers/caller/caller.h"

#include <assert.h>
#include <poll.h>

enum { HANDLERS = 4096, GROUPS = 8 };

typedef struct {
    char url[256];
    unsigned group;
} called_t;

typedef struct {
    called_t *handler;
    int64_t started_us;
} flight_t;

static called_t s_handlers[HANDLERS];
static char s_names[GROUPS][32];
static latencies_t s_groups[GROUPS];
static char s_body[LOAD_BODY];

static unsigned s_group(const char *name)
{
    unsigned i = 0;
    while (i < GROUPS && s_names[i][0] && strcmp(s_names[i], name) != 0)
        i++;
    assert(i < GROUPS);
    snprintf(s_names[i], sizeof s_names[i], "%s", name);
    return i;
}

static void s_start(caller_t *caller, flight_t *flight)
{
    call_t *call = call_new(flight->handler->url, slice(s_body, sizeof s_body));
    for (size_t i = 0; i < LOAD_HEADERS; i++)
        call_header(call, load_headers[i][0], slice_of(load_headers[i][1]));
    call->owner = flight;
    flight->started_us = clock_us();
    caller_start(caller, &call);
}

static void s_finish(call_t *call, int64_t from_us)
{
    flight_t *flight = call->owner;
    int64_t now_us = clock_us();
    latencies_t *group = &s_groups[flight->handler->group];
    if (flight->started_us < from_us)
        return;
    if (call->outcome == CALL_ANSWERED && call->status / 100 == 2)
        latencies_add(group, now_us - flight->started_us);
    else if (group->failures++ == 0)
        fprintf(stderr, "%s: %s %d %s\n", call->url, call_outcome_name(call->outcome), call->status,
                call->reason);
}

static flight_t *s_read(size_t *count)
{
    flight_t *flights = NULL;
    size_t handlers = 0;
    unsigned concurrency;
    char name[32], url[256];
    *count = 0;
    while (scanf("%31s %u %255s", name, &concurrency, url) == 3) {
        assert(handlers < HANDLERS);
        called_t *handler = &s_handlers[handlers++];
        memcpy(handler->url, url, sizeof url);
        handler->group = s_group(name);
        flights = realloc(flights, (*count + concurrency) * sizeof *flights);
        assert(flights);
        for (unsigned i = 0; i < concurrency; i++)
            flights[(*count)++] = (flight_t){.handler = handler};
    }
    return flights;
}

int main(int argc, char **argv)
{
    char err[300];
    size_t count;
    assert(argc == 4);
    int64_t us = (int64_t)(atof(argv[1]) * 1e6), warmup_us = (int64_t)(atof(argv[2]) * 1e6);
    egress_t *guard = egress_new(argv[3], err, sizeof err);
    flight_t *flights = s_read(&count);
    assert(guard && count > 0);
    caller_options_t options = {.egress = guard, .calls = (unsigned)count};
    caller_t *caller = caller_new(&options, err, sizeof err);
    assert(caller);
    load_body(s_body);
    int64_t from_us = clock_us() + warmup_us, now_us;
    for (size_t i = 0; i < count; i++)
        s_start(caller, &flights[i]);
    while ((now_us = clock_us()) < from_us + us) {
        struct pollfd item = {.fd = caller_fd(caller), .events = POLLIN};
        poll(&item, 1, 100);
        for (call_t *call; (call = caller_finished(caller));) {
            s_finish(call, from_us);
            s_start(caller, call->owner);
            call_destroy(&call);
        }
    }
    for (unsigned i = 0; i < GROUPS && s_names[i][0]; i++)
        latencies_print(&s_groups[i], s_names[i], now_us - from_us);
    caller_destroy(&caller);
    egress_destroy(&guard);
    free(flights);
    return 0;
}
