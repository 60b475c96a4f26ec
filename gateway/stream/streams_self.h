/* What the parts of streams.h share: streams.c (the loop's), paging.c (pages) and several.c
 * (streams of several targets). Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_STREAMS_SELF_H
#define POSTERN_GATEWAY_STREAM_STREAMS_SELF_H

#include "gateway/stream/feeds.h"
#include "gateway/stream/streams.h"

enum { STREAMS_BEATS = 100 };

struct streams {
    h2o_loop_t *loop;
    inflight_t *inflight;
    bridge_t *bridge;
    quota_t *quota;
    watch_t *watch;
    feeds_t feeds;
    h2o_linklist_t all, ready;
    h2o_linklist_t paging;  /* strands that are to ask for a page */
    h2o_linklist_t listing; /* streams of all, the next to ask first */
    unsigned lists;         /* that are asked for */
    h2o_linklist_t hinting; /* hints, the next to ask first */
    unsigned hints;         /* that ask */
    h2o_linklist_t beat[STREAMS_BEATS];
    int64_t beaten_ms, expired_ms;
    notice_t *heartbeat[FORMATS][2];
    h2o_socket_t *wake;
    int fd;
    bool rung, draining;
    unsigned len, pages, members;
    unsigned shards[WORKER_KINDS]; /* as was told last; 0: not yet */
    int64_t now_ms;
};

static inline void streams_link(h2o_linklist_t *list, h2o_linklist_t *link)
{
    if (!h2o_linklist_is_linked(link))
        h2o_linklist_insert(list, link);
}

static inline void streams_unlink(h2o_linklist_t *link)
{
    if (h2o_linklist_is_linked(link))
        h2o_linklist_unlink(link);
}

/* LEAST to LEAST + MORE - 1 */
static inline unsigned streams_random(unsigned least, unsigned more)
{
    return least + (unsigned)(uuid_instance() % more);
}

/* Answers the request of a stream that is not to be: the stream is gone. */
void streams_reject(stream_t *stream, error_code_t error, const char *detail);
/* From here on it has something to write, and is upgraded by the next callback. ID: where it
 * stands. */
void streams_begin(streams_t *self, stream_t *stream, slice_t id);

/* Asks for pages that are due. */
void paging_turn(streams_t *self);
void paging_unask(streams_t *self, strand_t *strand);
void paging_answered(streams_t *self, strand_t *strand, const wire_reply_t *reply, slice_t body);
/* No page came: later. */
void paging_again(streams_t *self, strand_t *strand);

#endif
