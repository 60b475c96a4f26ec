/* What the tests of links share: two sides of one endpoint, each a real link with an owner that
 * counts what it is told. */
#ifndef POSTERN_TEST_LINK_SIDES_H
#define POSTERN_TEST_LINK_SIDES_H

#include "common/base/clock.h"
#include "common/link/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka needs the above first */
#include <cmocka.h>

typedef struct {
    uint64_t instance;
    link_t *link;
    bool bind;
    unsigned up, down, refused, credit, requests;
    wire_goodbye_t answer; /* of up */
    uint64_t last_batch;
    bool hold; /* do not take batches over */
    peer_t *from;
    int64_t woke_ms;
} side_t;

static char s_dir[] = "/tmp/postern-link-XXXXXX"; /* main makes it */
static char s_endpoint[128];

static inline wire_goodbye_t s_up(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    side_t *side = arg;
    (void)hello;
    side->up++;
    side->from = peer;
    return side->answer;
}

static inline void s_down(void *arg, peer_t *peer)
{
    (void)peer;
    ((side_t *)arg)->down++;
}

static inline void s_refused(void *arg, peer_t *peer, wire_goodbye_t reason)
{
    (void)peer;
    (void)reason;
    ((side_t *)arg)->refused++;
}

static inline void s_credit(void *arg, peer_t *peer)
{
    (void)peer;
    ((side_t *)arg)->credit++;
}

static inline void s_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    side_t *side = arg;
    side->requests += message->entries;
    side->last_batch = message->batch;
    if (!side->hold)
        link_taken(side->link, peer, link_batch(message));
}

static inline void s_begin(side_t *side, bool bind, const char *name)
{
    static unsigned count;
    char err[256];
    if (bind) /* a bound endpoint stays locked for the life of the process */
        snprintf(s_endpoint, sizeof s_endpoint, "ipc://%s/%u", s_dir, count++);
    wire_hello_t hello = {.role = bind ? ROLE_AUTHD : ROLE_GATEWAY, .name = slice_of(name)};
    *side = (side_t){.instance = uuid_instance(), .bind = bind};
    link_options_t options = {
        .endpoint = s_endpoint,
        .bind = bind,
        .hello = &hello,
        .peer_roles = 1u << (bind ? ROLE_GATEWAY : ROLE_AUTHD),
        .self = &side->instance,
        .calls = {.up = s_up,
                  .down = s_down,
                  .refused = s_refused,
                  .credit = s_credit,
                  .requests = s_requests},
        .arg = side,
    };
    side->link = link_new(&options, err, sizeof err);
    if (!side->link)
        fail_msg("%s", err);
}

/* Turns both loops for a while, or until *until reaches at_least. */
static inline void s_turn(side_t *a, side_t *b, const unsigned *until, unsigned at_least,
                          int64_t ms)
{
    int64_t end = clock_ms() + ms;
    while (clock_ms() < end && (!until || *until < at_least)) {
        side_t *sides[] = {a, b};
        for (unsigned i = 0; i < 2; i++)
            if (sides[i] && sides[i]->link) {
                link_tick(sides[i]->link, clock_ms());
                link_drain(sides[i]->link, 100);
            }
        usleep(1000);
    }
    if (until)
        assert_true(*until >= at_least);
}

/* A server and a client that know each other. */
static inline void s_meet(side_t *server, side_t *client)
{
    s_begin(server, true, "authd-0");
    s_begin(client, false, "gateway-0.0");
    s_turn(server, client, &client->up, 1, 3000);
    s_turn(server, client, &server->up, 1, 3000);
}

/* The other side of a pair, alive. */
static inline peer_t *s_other(const side_t *side)
{
    return side->bind ? link_peer_next(side->link, NULL) : link_peer(side->link);
}

static inline void s_send(side_t *side, unsigned entries)
{
    wire_batch_t *batch = wire_batch_new();
    for (unsigned i = 0; i < entries; i++) {
        wire_request_t request = {.origin = 1, .attempt = 1, .time_left_ms = 1000, .op = 1};
        uuid_new(&request.id);
        wire_batch_add_request(batch, &request, NULL);
    }
    assert_int_equal(link_send_requests(side->link, s_other(side), batch), 0);
    wire_batch_destroy(&batch);
}

#endif
