#include "gateway/stream/gather.h"

#include "common/base/clock.h"
#include "common/wire/wire.h"
#include "gateway/stream/gather_self.h"

#include <stdlib.h>

enum { SORTED_MOST = 4 };

struct gathers {
    streams_t *streams;
    inflight_t *inflight;
    gathers_end_fn *end;
    void *arg;
    gather_t *at[GATHERS];
    unsigned len;
};

gathers_t *gathers_new(streams_t *streams, inflight_t *inflight, gathers_end_fn *end, void *arg)
{
    gathers_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (gathers_t){.streams = streams, .inflight = inflight, .end = end, .arg = arg, .len = 0};
    return self;
}

gather_ask_t *gather_next(const gather_t *self, const gather_ask_t *after)
{
    unsigned kind = after ? after->shard.owner : 0, shard = after ? after->shard.shard + 1 : 0;
    for (; kind < WORKER_KINDS; kind++, shard = 0)
        if (shard < self->shards[kind])
            return &self->asks[kind][shard];
    return NULL;
}

static void s_close_ask(streams_t *streams, gather_ask_t *ask)
{
    streams_unask(streams, &ask->slot);
    bytes_free(&ask->ask);
    bytes_free(&ask->answer);
}

static void s_close_kind(gather_t *self, op_owner_t owner)
{
    for (unsigned i = 0; i < self->shards[owner]; i++)
        s_close_ask(self->all->streams, &self->asks[owner][i]);
    free(self->asks[owner]);
    self->asks[owner] = NULL;
    self->shards[owner] = 0;
}

static void s_destroy(gather_t *self)
{
    gathers_t *all = self->all;
    unsigned at = 0;
    while (at < all->len && all->at[at] != self)
        at++;
    if (at < all->len)
        all->at[at] = all->at[--all->len];
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        s_close_kind(self, kind);
    s_close_ask(all->streams, &self->names);
    targets_clear(&self->targets);
    if (self->right)
        member_destroy(&self->right);
    vector_free(&self->since);
    pack_free(&self->params);
    free(self);
}

/* --- The end */

static void s_end(gather_t *self, const gathered_t *gathered)
{
    gathers_t *all = self->all;
    slot_t *slot = inflight_at(all->inflight, self->ref);
    if (slot)
        all->end(all->arg, slot, gathered);
    s_destroy(self);
}

static void s_fail(gather_t *self, error_code_t error, const char *detail)
{
    s_end(self, &(gathered_t){.json = slice("", 0), .error = error, .detail = detail});
}

static void s_finish(gather_t *self)
{
    bytes_t json = {0};
    gather_write(self, &json);
    s_end(self, &(gathered_t){.json = bytes_slice(&json)});
    bytes_free(&json);
}

/* --- Names */

static void s_ask_names(gather_t *self, const uuid_t7 *target, unsigned len)
{
    bytes_t rows = {0};
    gather_ask_t *names = &self->names;
    grant_write(&self->right->grant, &rows);
    for (unsigned i = 0; i < len; i++)
        grant_write(&(grant_t){.target = target[i], .client = slice("", 0), .name = slice("", 0)},
                    &rows);
    ask_t ask = {.kind = ASK_NAMES,
                 .target = self->right->grant.target,
                 .grants = 1 + len,
                 .rows = bytes_slice(&rows)};
    ask_write(&ask, &names->ask);
    bytes_free(&rows);
    names->of = self;
    streams_ask(self->all->streams, OWNER_CHANNEL, SLOT_GATHER, names, bytes_slice(&names->ask),
                &names->slot);
    self->until_ms = clock_ms() + GATHER_NAMES_MS;
}

/* All that is to come has come. */
static void s_merge(gather_t *self)
{
    uuid_t7 nameless[GATHER_LIMIT];
    gather_merge(self);
    unsigned len = self->right ? gather_nameless(self, nameless) : 0;
    if (len > 0)
        s_ask_names(self, nameless, len);
    if (!streams_is_asked(self->all->streams, self->names.slot))
        s_finish(self);
}

static void s_look(gather_t *self)
{
    for (gather_ask_t *ask = NULL; (ask = gather_next(self, ask));)
        if (ask->state == ASK_WAITS)
            return;
    s_merge(self);
}

/* --- Asking */

vector_place_t gather_since(const gather_t *self, const targets_shard_t *shard)
{
    if (self->since.shards[shard->owner] == shard->shards)
        return self->since.place[shard->owner][shard->shard];
    return (vector_place_t){.there = true, .log = INT64_MAX};
}

/* Some id that is of the shard. */
static uuid_t7 s_id_of(const targets_shard_t *shard)
{
    uuid_t7 id;
    do
        uuid_new(&id);
    while (wire_shard(&id, shard->shards) != shard->shard);
    return id;
}

/* How many grants it has. */
static uint32_t s_write_ask(gather_t *self, gather_ask_t *to, uint64_t from)
{
    bytes_t rows = {0};
    ask_t ask = {.kind = ASK_LOG, .bare = self->right, .after = from};
    ask.target = s_id_of(&to->shard);
    if (self->right)
        grant_write(&self->right->grant, &rows);
    ask.grants = targets_write(&self->targets, &to->shard, &rows, &ask.target) + ask.bare;
    ask.rows = bytes_slice(&rows);
    to->ask.len = 0;
    ask_write(&ask, &to->ask);
    bytes_free(&rows);
    return ask.grants;
}

static const op_t *s_op(op_owner_t owner)
{
    return op_find(owner == OWNER_BOT ? OP_bot_gather : OP_extension_gather);
}

/* Nothing is to be asked of a shard that has given all; nor of one that has no target. */
static void s_ask(gather_t *self, gather_ask_t *ask)
{
    vector_place_t since = gather_since(self, &ask->shard);
    uint64_t from = since.there ? since.log : 0;
    bool wanted = s_write_ask(self, ask, from) > 0 && from > 0;
    ask->state = wanted ? ASK_WAITS : ASK_ANSWERED;
    ask->found = (found_t){.kind = FOUND_LOG};
    if (!wanted && (targets_have(&self->targets, ask->shard.owner) || self->right))
        return;
    ask->state = ASK_WAITS;
    streams_ask_by(self->all->streams, s_op(ask->shard.owner), SLOT_GATHER, ask,
                   wire_pairs_of(&self->params), bytes_slice(&ask->ask), &ask->slot);
    if (!streams_is_asked(self->all->streams, ask->slot))
        ask->state = ASK_FAILED;
}

static void s_ask_kind(gather_t *self, op_owner_t owner, unsigned shards)
{
    self->asks[owner] = calloc(shards, sizeof *self->asks[owner]);
    if (!self->asks[owner])
        abort();
    self->shards[owner] = shards;
    for (unsigned i = 0; i < shards; i++) {
        self->asks[owner][i] = (gather_ask_t){.of = self, .shard = {owner, i, shards}};
        s_ask(self, &self->asks[owner][i]);
    }
}

static void s_open_kind(gather_t *self, op_owner_t owner)
{
    unsigned known = self->since.shards[owner];
    known = known ? known : streams_shards(self->all->streams, owner);
    self->told[owner] = known;
    s_ask_kind(self, owner, known ? known : 1);
}

/* Where nobody is to be asked, somebody is all the same, who looks at the parameters. */
static void s_open(gather_t *self)
{
    bool bots = self->right || targets_have(&self->targets, OWNER_BOT);
    bool extensions = self->right || targets_have(&self->targets, OWNER_EXTENSION);
    if (bots || !extensions)
        s_open_kind(self, OWNER_BOT);
    if (extensions)
        s_open_kind(self, OWNER_EXTENSION);
    s_look(self);
}

/* --- Answers */

static void s_take_log(gather_ask_t *ask)
{
    ask->state = ASK_ANSWERED;
    ask->rows = (bytes_in_t){ask->found.rows.data, ask->found.rows.len, false};
    ask->left = ask->found.count;
    if (ask->left > 0)
        frame_read(&ask->rows, &ask->head);
}

/* The kind has other shards than those that were asked: all are asked again. True: SELF is gone. */
static bool s_sort(gather_t *self, op_owner_t owner, unsigned shards)
{
    if (self->since.shards[owner]) {
        s_fail(self, ERROR_cursor_expired,
               "The count of shards has changed since the page before. Start with the newest.");
        return true;
    }
    streams_note_shards(self->all->streams, owner, shards);
    self->told[owner] = true;
    s_close_kind(self, owner);
    s_ask_kind(self, owner, shards);
    return false;
}

/* A right that is gone ends it; a target that is another's by now is left out. True: SELF is gone.
 */
static bool s_refused(gather_t *self, gather_ask_t *ask)
{
    uint32_t index;
    unsigned error = ERROR_not_allowed;
    const found_t *found = &ask->found;
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    bool all = !refused_read(&in, &index, &error) || error == ERROR_invalid_session ||
               error == ERROR_invalid_token || error == ERROR_token_expired ||
               error == ERROR_address_not_allowed || (self->right && index == 0);
    if (all || ++self->sorted > SORTED_MOST) {
        s_fail(self, error_find(error) ? (error_code_t)error : ERROR_not_allowed, NULL);
        return true;
    }
    targets_refuse(&self->targets, &ask->shard, self->right != NULL, found);
    s_ask(self, ask);
    return false;
}

/* True: SELF is gone. */
static bool s_take(gather_t *self, gather_ask_t *ask)
{
    const found_t *found = &ask->found;
    op_owner_t owner = ask->shard.owner;
    if (found->kind == FOUND_REFUSED)
        return s_refused(self, ask);
    bool good = (found->kind == FOUND_LOG || found->kind == FOUND_MOVED) && found->shards > 0 &&
                found->shards <= VECTOR_SHARDS;
    if (good && found->shards != ask->shard.shards && ++self->sorted <= SORTED_MOST)
        return s_sort(self, owner, found->shards);
    if (!good || found->kind != FOUND_LOG || found->shards != ask->shard.shards ||
        found->shard != ask->shard.shard) {
        ask->state = ASK_FAILED;
        return false;
    }
    self->told[owner] = true;
    s_take_log(ask);
    return false;
}

static bool s_read(gather_ask_t *ask, const wire_reply_t *reply, slice_t body)
{
    ask->answer.len = 0;
    bytes_put(&ask->answer, body.data, body.len);
    return reply && reply->status == 200 && !reply->error &&
           found_read(bytes_slice(&ask->answer), &ask->found);
}

static void s_take_names(gather_t *self, bool read)
{
    gather_ask_t *names = &self->names;
    names->state = read && names->found.kind == FOUND_NAMES ? ASK_ANSWERED : ASK_FAILED;
    s_finish(self);
}

void gather_answered(gather_ask_t *ask, const wire_reply_t *reply, slice_t body)
{
    gather_t *self = ask->of;
    bool read = s_read(ask, reply, body);
    ask->slot = (slot_ref_t){0, 0};
    if (ask == &self->names) {
        s_take_names(self, read);
        return;
    }
    if (reply && reply->error == ERROR_invalid_param) {
        s_end(self, &(gathered_t){.json = slice("", 0), .reply = reply, .said = body});
        return;
    }
    if (!read)
        ask->state = ASK_FAILED;
    else if (s_take(self, ask))
        return;
    s_look(self);
}

/* --- Requests */

/* What the workers are to see: not what is read here or by authd. */
static void s_take_params(gather_t *self, slice_t params)
{
    slice_t name, value;
    for (wire_pairs_t each = wire_pairs_begin(params); wire_pairs_next(&each, &name, &value);)
        if (!slice_is(name, "after") && !slice_is(name, "target"))
            wire_pairs_add(&self->params, name, value);
}

/* One that is none the workers refuse. */
static unsigned s_limit(slice_t params)
{
    slice_t text;
    position_t number;
    bool given = wire_pairs_find(params, "limit", &text) && position_read(text, &number) &&
                 !number.tagged && number.sequence >= 1 && number.sequence < GATHER_LIMIT;
    return given ? (unsigned)number.sequence : GATHER_LIMIT;
}

static bool s_take_list(gather_t *self, slice_t list)
{
    found_t found;
    listed_t listed;
    if (!found_read(list, &found) || found.kind != FOUND_LISTED)
        return false;
    self->full = found.reset != RESET_NONE;
    bytes_in_t in = {found.rows.data, found.rows.len, false};
    for (uint32_t i = 0; i < found.count && listed_read(&in, &listed); i++) {
        const op_t *op = op_find(listed.grant.op);
        if (op && op->deed == DOES_GATHER && !self->right)
            self->right = member_new(&listed);
        else if (op)
            targets_add(&self->targets, &listed, LISTED_MOST);
    }
    return true;
}

static bool s_take_after(gather_t *self, slice_t params)
{
    slice_t after;
    if (!wire_pairs_find(params, "after", &after))
        return true;
    return vector_read(after, &self->since) && self->since.shards[OWNER_CHANNEL] == 0;
}

void gathers_judged(gathers_t *self, slot_t *slot, slice_t list)
{
    gather_t *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    made->all = self;
    made->ref = inflight_ref(self->inflight, slot);
    made->until_ms = clock_ms() + GATHER_MS;
    inflight_hold(slot);
    if (self->len == GATHERS) {
        s_fail(made, ERROR_overloaded, NULL);
        return;
    }
    self->at[self->len++] = made;
    s_take_params(made, slot->request.params);
    made->limit = s_limit(slot->request.params);
    if (!s_take_list(made, list))
        s_fail(made, ERROR_internal, NULL);
    else if (!s_take_after(made, slot->request.params))
        s_fail(made, ERROR_invalid_param, "after must be the next of the page before.");
    else
        s_open(made);
}

/* Its time is up: those that have not answered are left out. */
static void s_hurry(gather_t *self)
{
    if (self->merged) {
        streams_unask(self->all->streams, &self->names.slot);
        self->names.state = ASK_FAILED;
        s_finish(self);
        return;
    }
    for (gather_ask_t *ask = NULL; (ask = gather_next(self, ask));) {
        if (ask->state != ASK_WAITS)
            continue;
        streams_unask(self->all->streams, &ask->slot);
        ask->state = ASK_FAILED;
    }
    s_merge(self);
}

void gathers_tick(gathers_t *self, int64_t now_ms)
{
    for (unsigned i = self->len; i-- > 0;) {
        gather_t *each = self->at[i];
        slot_t *slot = inflight_at(self->inflight, each->ref);
        if (!slot || !slot->owner)
            s_destroy(each);
        else if (now_ms >= each->until_ms)
            s_hurry(each);
    }
}
