/* The peers of one link: the state of each connection and two look-ups. Private to common/link.
 * Threading: the link's thread. Times: clock_ms (). */
#ifndef POSTERN_PEERS_H
#define POSTERN_PEERS_H

#include "common/link/keys.h"
#include "common/link/link.h"

enum { PEER_BUCKETS = 256 };

struct peer {
    peer_t *next;          /* in the list of all peers of the link */
    peer_t *route_next;    /* in the same bucket by route */
    char route[WIRE_NAME]; /* on the bound side; nobody is told it */
    char name[WIRE_NAME];
    wire_hello_t hello; /* the last HELLO of the peer; its name points at name */
    char key[KEY_TEXT]; /* with CURVE: that its HELLO came with */
    uint64_t instance;  /* 0: unknown, or refused */
    bool alive;
    bool left;       /* its last frame was GOODBYE */
    bool yields;     /* another is in its place */
    bool stalled;    /* entries wait for credit */
    bool complained; /* a malformed frame of it was logged */
    int64_t heard_ms, greeted_ms;
    uint64_t start;           /* batches to it are numbered from start + 1 */
    uint64_t sent, credited;  /* the last number, the highest taken over */
    uint64_t first;           /* the first number that the peer named; 0: none yet */
    uint64_t received, taken; /* batches from it; received counts lost ones too */
    uint64_t arrived;         /* the last batch that really came */
    uint64_t told;            /* what the last CREDIT named */
    /* how many entries the last batches have, to it and from it, by their numbers */
    uint16_t sent_entries[LINK_WINDOW_SMALL], come_entries[LINK_WINDOW_SMALL];
    uint64_t watched; /* credited, when that last moved or no batch waited for it, */
    int64_t moved_ms; /* and when that was */
    void *data;
};

typedef struct {
    peer_t *first;
    unsigned count;
    peer_t *by_route[PEER_BUCKETS];
} peers_t;

/* The peer of a route; NULL when there is none. */
peer_t *peers_find(const peers_t *self, slice_t route);
/* Where there are LINK_PEERS and all are alive: the one that yields and was heard of longest ago;
 * else NULL. */
peer_t *peers_yielding(const peers_t *self);
/* Adds a peer; NULL when LINK_PEERS are alive. Of the peers that are gone, the one that was heard
 * of longest ago makes room. */
peer_t *peers_add(peers_t *self, slice_t route);
/* The live peer of an instance; NULL when there is none. */
peer_t *peers_of_instance(const peers_t *self, uint64_t instance);
/* Frees a peer that has said that it leaves. */
void peers_remove(peers_t *self, peer_t *peer);
/* Frees the peers that have been gone for over a minute: each start of a process has a
 * route of its own. */
void peers_forget(peers_t *self, int64_t now_ms);
/* Frees all. */
void peers_clear(peers_t *self);

/* Starts the counters anew: the peer is there (again). What the peer remembers of us does not
 * matter: our numbers go on from the monotonic clock, above every number that this process ever
 * sent, and the first number of the peer that comes is taken for its first. */
void peer_meet(peer_t *self);

/* Input of the credit rules of docs/PROTOCOL.md. A batch of this number came: false for a number
 * that is not new. */
bool peer_arrive(peer_t *self, uint64_t batch, unsigned entries);
/* Another batch goes to it: its number. */
uint64_t peer_send(peer_t *self, unsigned entries);
/* Whether the batches sent and not yet taken over fill the window. */
bool peer_is_full(const peer_t *self);
/* Whether those that it has not been told of do: then it waits for CREDIT. */
bool peer_awaits_credit(const peer_t *self);
/* The peer says it has sent up to BATCH: true when that is more than was known, with how many were
 * lost on the way, as far as that can be told. */
bool peer_heartbeat(peer_t *self, uint64_t batch, uint64_t *lost);
/* The number that our heartbeat names: 0 before the first batch. */
uint64_t peer_last(const peer_t *self);
/* The batches up to BATCH have been taken over. Ignored for a number from before the peer was last
 * met. */
void peer_take(peer_t *self, uint64_t batch);
/* Each second: looks whether credit has moved, for peer_stuck_ms. */
void peer_watch(peer_t *self, int64_t now_ms);
/* The peer gives credit up to BATCH: false for a number that was never sent. */
bool peer_credit(peer_t *self, uint64_t batch);

#endif
