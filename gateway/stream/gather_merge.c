#include "gateway/stream/gather_self.h"

#include "common/stream/position.h"
#include "gateway/ring/reply.h"

#include <inttypes.h>
#include <stdio.h>

enum { PAGE_MOST = 1 << 20 /* bytes; a page has one row at least */ };

/* --- Which rows */

/* Rows from before the time up to which each shard has looked wait. */
static uint64_t s_floor(const gather_t *self)
{
    uint64_t floor = 0;
    for (gather_ask_t *ask = NULL; (ask = gather_next(self, ask));) {
        const position_t *position = &ask->found.position;
        if (ask->state == ASK_ANSWERED && position->tagged && position->sequence > floor)
            floor = position->sequence;
    }
    return floor;
}

static gather_ask_t *s_newest(const gather_t *self)
{
    gather_ask_t *newest = NULL;
    for (gather_ask_t *ask = NULL; (ask = gather_next(self, ask));)
        if (ask->state == ASK_ANSWERED && ask->left > 0 &&
            (!newest || ask->head.sequence > newest->head.sequence))
            newest = ask;
    return newest;
}

static void s_take(gather_t *self, gather_ask_t *ask)
{
    self->row[self->len++] = (gather_row_t){.target = ask->head.target, .json = ask->head.json};
    if (--ask->left > 0)
        frame_read(&ask->rows, &ask->head);
}

void gather_merge(gather_t *self)
{
    size_t bytes = 0;
    uint64_t floor = s_floor(self);
    self->merged = true;
    for (gather_ask_t *next; self->len < self->limit && (next = s_newest(self));) {
        bytes += next->head.json.len;
        if (next->head.sequence < floor || (self->len > 0 && bytes > PAGE_MOST))
            return;
        s_take(self, next);
    }
}

unsigned gather_nameless(const gather_t *self, uuid_t7 target[GATHER_LIMIT])
{
    unsigned len = 0;
    for (unsigned i = 0; i < self->len; i++) {
        const uuid_t7 *id = &self->row[i].target;
        bool known = targets_label(&self->targets, id) != NULL;
        for (unsigned j = 0; !known && j < len; j++)
            known = uuid_eq(&target[j], id);
        if (!known)
            target[len++] = *id;
    }
    return len;
}

/* --- The answer */

static void s_put(bytes_t *json, const char *text)
{
    bytes_put(json, text, strlen(text));
}

static void s_put_number(bytes_t *json, uint64_t number)
{
    char text[24];
    bytes_put(json, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, number));
}

/* What authd says that the target is called. */
static bool s_find_name(const gather_t *self, const uuid_t7 *target, slice_t *label)
{
    listed_t listed;
    const found_t *found = &self->names.found;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    if (self->names.state != ASK_ANSWERED)
        return false;
    for (uint32_t i = 0; i < found->count && listed_read(&in, &listed); i++)
        if (uuid_eq(&listed.grant.target, target)) {
            *label = listed.label;
            return true;
        }
    return false;
}

static void s_write_target(const gather_t *self, const uuid_t7 *target, bytes_t *json)
{
    char id[UUID_TEXT];
    slice_t name;
    const char *label = targets_label(&self->targets, target);
    if (label) {
        s_put(json, label);
    } else if (s_find_name(self, target, &name)) {
        bytes_put(json, name.data, name.len);
    } else {
        uuid_text(target, id);
        s_put(json, "{\"kind\":null,\"id\":\"");
        s_put(json, id);
        s_put(json, "\",\"name\":null,\"environment\":null}");
    }
}

static void s_write_rows(const gather_t *self, bytes_t *json)
{
    for (unsigned i = 0; i < self->len; i++) {
        const gather_row_t *row = &self->row[i];
        s_put(json, i > 0 ? ",{\"target\":" : "{\"target\":");
        s_write_target(self, &row->target, json);
        s_put(json, ",");
        bytes_put(json, row->json.data + 1, row->json.len - 1);
    }
}

/* Where the shard goes on. */
static vector_place_t s_place(const gather_t *self, const gather_ask_t *ask)
{
    if (ask->state != ASK_ANSWERED)
        return gather_since(self, &ask->shard);
    if (ask->left > 0)
        return (vector_place_t){.there = true, .log = ask->head.log};
    return (vector_place_t){.there = ask->found.more, .log = ask->found.after};
}

/* Nothing comes next where all that is left is of shards that have not answered. */
static void s_write_next(const gather_t *self, bytes_t *json)
{
    vector_t next = {.shards = {0}};
    bool more = false;
    for (gather_ask_t *ask = NULL; (ask = gather_next(self, ask));) {
        op_owner_t owner = ask->shard.owner;
        if (!self->told[owner])
            continue;
        if (next.shards[owner] == 0)
            vector_make(&next, owner, ask->shard.shards);
        next.place[owner][ask->shard.shard] = s_place(self, ask);
        more |= ask->state == ASK_ANSWERED && next.place[owner][ask->shard.shard].there;
    }
    if (more) {
        s_put(json, "\"");
        vector_write(&next, json);
        s_put(json, "\"");
    } else {
        s_put(json, "null");
    }
    vector_free(&next);
}

static void s_write_missing(const char *kind, const uint32_t *shard, const char *reason, bool first,
                            bytes_t *json)
{
    s_put(json, first ? "{\"kind\":" : ",{\"kind\":");
    s_put(json, kind ? "\"" : "null");
    s_put(json, kind ? kind : "");
    s_put(json, kind ? "\",\"shard\":" : ",\"shard\":");
    if (shard)
        s_put_number(json, *shard);
    else
        s_put(json, "null");
    s_put(json, ",\"reason\":\"");
    s_put(json, reason);
    s_put(json, "\"}");
}

static void s_write_incomplete(const gather_t *self, bytes_t *json)
{
    bool first = true;
    for (gather_ask_t *ask = NULL; (ask = gather_next(self, ask));) {
        const char *kind = op_owner_name(ask->shard.owner);
        bool answered = ask->state == ASK_ANSWERED;
        uint32_t shard = ask->shard.shard;
        if (answered && ask->found.reset == RESET_NONE)
            continue;
        s_write_missing(kind, self->told[ask->shard.owner] ? &shard : NULL,
                        answered ? "targets" : "no_answer", first, json);
        first = false;
    }
    if (self->full)
        s_write_missing(NULL, NULL, "targets", first, json);
}

static uint64_t s_scanned(const gather_t *self)
{
    uint64_t scanned = 0;
    for (gather_ask_t *ask = NULL; (ask = gather_next(self, ask));)
        scanned += ask->state == ASK_ANSWERED ? ask->found.upto : 0;
    return scanned;
}

void gather_write(const gather_t *self, bytes_t *json)
{
    s_put(json, "{\"deliveries\":[");
    s_write_rows(self, json);
    s_put(json, "],\"next\":");
    s_write_next(self, json);
    s_put(json, ",\"scanned\":");
    s_put_number(json, s_scanned(self));
    s_put(json, ",\"incomplete\":[");
    s_write_incomplete(self, json);
    s_put(json, "]}");
}

/* A refusal of a worker's, for the request that it was asked for. */
static void s_refuse(const gathered_t *self, h2o_req_t *req, const uuid_t7 *id)
{
    zmq_msg_t said;
    wire_reply_t reply = *self->reply;
    reply.id = *id;
    if (zmq_msg_init_size(&said, self->said.len) != 0)
        abort();
    if (self->said.len > 0)
        memcpy(zmq_msg_data(&said), self->said.data, self->said.len);
    reply_wire(req, &reply, &said, COOKIE_NONE);
    zmq_msg_close(&said);
}

void gathered_answer(const gathered_t *self, h2o_req_t *req, const uuid_t7 *id)
{
    if (self->reply)
        s_refuse(self, req, id);
    else if (self->json.len > 0)
        reply_document(req, id, self->json);
    else
        reply_error(req, id, self->error, self->detail, REASON_none, slice("", 0));
}
