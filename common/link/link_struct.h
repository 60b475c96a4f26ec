/* A link's inside, shared by link.c (what comes), link_send.c (what goes) and link_wait.c. Private
 * to common/link. Threading: as link.h. */
#ifndef POSTERN_LINK_STRUCT_H
#define POSTERN_LINK_STRUCT_H

#include "common/link/curve.h"
#include "common/link/link.h"
#include "common/link/peers.h"
#include "common/link/said.h"

enum { LINK_MAGIC = 0x4c494e4b };

struct link {
    unsigned magic;
    void *socket;
    int fd;   /* the socket's ZMQ_FD */
    bool dry; /* nothing waits: it was drained, and neither sent on nor readable since */
    bool bind;
    char name[WIRE_NAME]; /* of a connecting link: its route */
    wire_hello_t hello;
    unsigned peer_roles;
    unsigned expect; /* kinds that may come */
    const uint64_t *self;
    link_calls_t calls;
    void *arg;
    peers_t peers;
    peer_t *peer; /* the connecting side's one */
    wire_message_t *message;
    curve_watch_t *watch;            /* NULL without CURVE */
    bool by_user;                    /* the kernel tells who connects (uid.h) */
    char key[KEY_TEXT], address[64]; /* of who sent the message at hand; "" without either */
    char endpoint[256];
    int64_t ticked_ms, complained_ms;
    said_t refusals; /* logged */
};

/* The routing frame of a peer; NULL on the connecting side. */
const slice_t *link_route(const link_t *self, const peer_t *peer, slice_t *route);

/* Each is best effort: what cannot be sent is counted. */
void link_greet(link_t *self, const slice_t *route, uint64_t receiver);
void link_greet_peer(link_t *self, peer_t *peer, uint64_t receiver, int64_t now_ms);
void link_send_number(link_t *self, peer_t *peer, wire_kind_t kind, uint64_t number);
void link_send_credit(link_t *self, peer_t *peer);
void link_send_goodbye(link_t *self, const slice_t *route, uint64_t receiver,
                       wire_goodbye_t reason);

#endif
