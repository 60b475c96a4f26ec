/* Calls the handlers that standard input names, one "TIMEOUT_MS URL BODY" a line, all at once, and
 * prints each as it finishes: the line's number, outcome, status, Retry-After, bytes of the answer,
 * address and reason, with tabs between. For the tests with real servers.
 *
 *   call ALLOW [AUTHORITIES [HEADER VALUE]...] */
#include "workers/caller/caller.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static size_t s_start_all(caller_t *caller, char **headers)
{
    char *line = NULL;
    size_t size = 0, count = 0;
    ssize_t len;
    while ((len = getline(&line, &size, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = line, *timeout = strsep(&rest, " "), *url = strsep(&rest, " ");
        assert(url);
        call_t *call = call_new(url, slice_of(rest ? rest : ""));
        call->timeout_ms = (uint32_t)strtoul(timeout, NULL, 10);
        call->owner = (void *)(uintptr_t)count++;
        for (char **header = headers; header[0] && header[1]; header += 2)
            call_header(call, header[0], slice_of(header[1]));
        caller_start(caller, &call);
    }
    free(line);
    return count;
}

int main(int argc, char **argv)
{
    char err[300];
    assert(argc >= 2);
    egress_t *guard = egress_new(argv[1], err, sizeof err);
    caller_options_t options = {
        .egress = guard, .extra_authorities = argc > 2 ? argv[2] : NULL, .calls = CALLER_CALLS};
    caller_t *caller = guard ? caller_new(&options, err, sizeof err) : NULL;
    if (!caller) {
        fprintf(stderr, "%s\n", err);
        egress_destroy(&guard);
        return 1;
    }
    size_t left = s_start_all(caller, argv + (argc > 3 ? 3 : argc));
    while (left > 0) {
        call_t *call = caller_finished(caller);
        if (!call) {
            struct pollfd item = {.fd = caller_fd(caller), .events = POLLIN};
            poll(&item, 1, -1);
            continue;
        }
        printf("%zu\t%s\t%d\t%" PRId64 "\t%zu\t%s\t%s\n", (size_t)(uintptr_t)call->owner,
               call_outcome_name(call->outcome), call->status, call->retry_after_s,
               call->answer_len, call->address, call->reason);
        fflush(stdout);
        call_destroy(&call);
        left--;
    }
    caller_destroy(&caller);
    egress_destroy(&guard);
    return 0;
}
