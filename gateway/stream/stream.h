/* One live stream: the socket of a connection that libh2o has given up (h2o_http1_upgrade), what is
 * to be written to it, and what it reads (strand.h).
 *
 * Writing: a stream writes only within stream_write, which the loop calls back (streams.c):
 * libh2o's sockets fail an assertion where something is written between two turns. Its body is
 * chunked by hand (RFC 9112 §7.1).
 *
 * Memory: an idle stream has no queue. What is read for one stream alone, a page, is queued as far
 * as the kernel has room for it (stream_room), and none is asked for while that has none: a reader
 * that has stopped is a position. A live one that does not take what it is sent has at most
 * STREAM_QUEUED bytes of messages waiting, which others share; it reads on by pages, of one target
 * behind what is being written.
 *
 * Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_STREAM_H
#define POSTERN_GATEWAY_STREAM_STREAM_H

#include "gateway/http/listener.h"
#include "gateway/stream/options.h"
#include "gateway/stream/strand.h"

enum {
    STREAM_QUEUED = 256 << 10, /* bytes that wait for a reader */
    STREAM_NOTICES = 256,
    STREAM_WRITE = 64 << 10,  /* most in one go */
    STREAM_BUFFER = 44 << 10, /* SO_SNDBUF: the kernel doubles that, and takes some more */
    STREAM_STUCK_MS = 20000,  /* without any progress: it is ended */
    STREAM_SLOW_MS = 100,     /* a write that takes longer: the reader reads on by pages */
    STREAM_IGNORED = 16384,   /* bytes of input that are thrown away */
};

typedef enum {
    STREAM_OPENING, /* its request waits for the first page */
    STREAM_OPEN,
    STREAM_ENDING, /* is closed when all is written */
    STREAM_GONE    /* is closed when the write that is under way ends */
} stream_state_t;

struct streams;

/* What a stream of several has beyond one of one. */
typedef struct {
    struct stream *stream;
    bool full;       /* there was no room for a target */
    bool all;        /* of all that its reader may see: */
    member_t *right; /* to ask for the list of them */
    uint64_t digest; /* of the list */
    slot_ref_t list; /* that is asked for */
    bytes_t ask;
    int64_t listed_ms, asked_wall_ms; /* when the list was asked for last */
    int64_t listed_wall_ms;           /* when the one that is known was still the list */
    h2o_linklist_t in_listing;
    vector_t since, vector;          /* where it began; where it is */
    unsigned unplaced[WORKER_KINDS]; /* strands */
    bool moved;                      /* the vector, since it was written */
    int64_t ends_ms;                 /* of the wall clock; 0: not */
} several_t;

typedef struct stream {
    unsigned magic;
    struct streams *streams;
    stream_state_t state;
    stream_options_t options;
    uuid_t7 id;     /* of its request */
    h2o_req_t *req; /* until its socket is its own */
    bool upgrading; /* libh2o writes the head */
    h2o_socket_t *socket;
    uuid_t7 token;
    h2o_linklist_t strands;
    bool first; /* nothing but the first page was asked for */
    int64_t born_ms;
    several_t *several;  /* of a stream of several targets; else NULL */
    member_t *members;   /* likewise, by their targets */
    struct hints *hints; /* NULL: it has none */
    /* its output */
    notice_t **queue;
    unsigned queued, room, sending;
    size_t queued_bytes;
    bool writing;
    int64_t began_ms, wrote_ms; /* when the write began; the last one */
    uint64_t acked;             /* by the reader's kernel, when it was last looked at */
    int64_t acked_ms;
    char head[16];
    size_t ignored;
    h2o_linklist_t in_all, in_ready, in_beat;
} stream_t;

/* For a request whose connection is parked; without strands. */
stream_t *stream_new(struct streams *streams, h2o_req_t *req, const uuid_t7 *id,
                     const stream_options_t *options);
/* One that has never been among the streams. */
void stream_discard(stream_t **self_p);
/* Takes the socket of its connection over. */
void stream_take(stream_t *self, h2o_socket_t *socket);

/* Queues; takes the notice. */
void stream_put(stream_t *self, notice_t **notice_p);
/* Whether its reader takes no more, for now. */
bool stream_is_slow(const stream_t *self, int64_t now_ms);
/* Whether its queue is as long as it may be, or its reader slow. */
bool stream_is_behind(const stream_t *self, int64_t now_ms);
/* Bytes that the kernel has room for, about. */
size_t stream_room(const stream_t *self);
/* Whether another notice of LEN bytes, not shared, may be queued: there is ROOM, or none waits. */
bool stream_takes(const stream_t *self, size_t room, size_t len);
/* With nothing queued or being written. False: the kernel has room. True: it counts as writing
 * until there is some. */
bool stream_waits(stream_t *self);
/* Of one target: takes messages back that wait behind a write; POSITION: where it stands then. */
void stream_unput(stream_t *self, position_t *position);
/* In a callback of the loop: writes what is queued, as far as one go goes. */
void stream_write(stream_t *self);
/* No more is queued; it is closed when all is written. */
void stream_finish(stream_t *self);
/* Ends it at once. The stream may be gone when this returns. */
void stream_close(stream_t *self);
/* Closes one whose reader has taken nothing for STREAM_STUCK_MS. */
void stream_check(stream_t *self, int64_t now_ms);

#endif
