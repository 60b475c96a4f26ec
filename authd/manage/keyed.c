#include "authd/manage/keyed.h"

#include "authd/directory/audit.h"
#include "common/base/ops.h"
#include "common/base/secret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct keyed {
    uint8_t key[crypto_generichash_KEYBYTES]; /* of the hashes of what is asked for */
    keyed_request_t row[KEYED_MOST];          /* a ring in the order of their coming */
    unsigned first, len;
    uint64_t seen; /* the number of the audit's last row that was read */
};

static unsigned s_op(slice_t name)
{
    for (size_t i = 0; i < op_table_len; i++)
        if (slice_is(name, op_table[i].name))
            return op_table[i].number;
    return 0;
}

/* What was made here is remembered with what it said, before or after its row is read. */
static void s_follow(keyed_t *self, view_t *view)
{
    audit_t row;
    while (audit_next(view, self->seen, &row)) {
        self->seen = row.number;
        if (!uuid_is_nil(&row.key) && !keyed_find(self, &row.key))
            keyed_add(self, &(keyed_request_t){
                                .id = row.key, .request = row.request, .op = s_op(row.op)});
    }
}

keyed_t *keyed_new(view_t *view)
{
    uint64_t last = audit_last(view);
    keyed_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    randombytes_buf(self->key, sizeof self->key);
    self->seen = last > KEYED_MOST ? last - KEYED_MOST : 0;
    s_follow(self, view);
    return self;
}

void keyed_renew(keyed_t *self, view_t *view)
{
    view_renew(view);
    view_tolerate(view, true);
    s_follow(self, view);
    view_tolerate(view, false);
    view_release(view);
}

uint64_t keyed_seen(const keyed_t *self)
{
    return self->seen;
}

void keyed_destroy(keyed_t **self_p)
{
    keyed_t *self = *self_p;
    if (!self)
        return;
    secret_wipe(self, sizeof *self);
    free(self);
    *self_p = NULL;
}

static void s_hash(crypto_generichash_state *state, slice_t part)
{
    uint64_t len = part.len; /* so that no part runs into the next */
    crypto_generichash_update(state, (const uint8_t *)&len, sizeof len);
    crypto_generichash_update(state, (const uint8_t *)part.data, part.len);
}

static void s_id(const uuid_t7 *user, slice_t key, uuid_t7 *id)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, UUID_BYTES);
    crypto_generichash_update(&state, user->bytes, UUID_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)key.data, key.len);
    crypto_generichash_final(&state, id->bytes, UUID_BYTES);
}

void keyed_read(const keyed_t *self, const uuid_t7 *user, const op_t *op,
                const wire_request_t *request, const http_args_t *args, keyed_request_t *keyed)
{
    slice_t key;
    crypto_generichash_state state;
    *keyed = (keyed_request_t){.request = request->id, .op = op->number};
    if (manage_only_reads(op) || op->credentials == CRED_OPEN ||
        !wire_pairs_find(request->headers, "idempotency-key", &key) || key.len == 0)
        return;
    s_id(user, key, &keyed->id);
    crypto_generichash_init(&state, self->key, sizeof self->key, KEYED_SAID);
    s_hash(&state, request->target);
    s_hash(&state, args->body);
    s_hash(&state, args->if_match);
    crypto_generichash_final(&state, keyed->said, KEYED_SAID);
    secret_wipe(&state, sizeof state);
}

static bool s_is_known(const keyed_request_t *keyed)
{
    static const uint8_t none[KEYED_SAID];
    return memcmp(keyed->said, none, KEYED_SAID) != 0;
}

bool keyed_same(const keyed_request_t *a, const keyed_request_t *b)
{
    bool known = s_is_known(a) && s_is_known(b);
    return a->op == b->op && (!known || secret_eq(a->said, KEYED_SAID, b->said, KEYED_SAID));
}

const keyed_request_t *keyed_find(const keyed_t *self, const uuid_t7 *id)
{
    for (unsigned i = self->len; i-- > 0;) {
        const keyed_request_t *row = &self->row[(self->first + i) % KEYED_MOST];
        if (uuid_eq(&row->id, id))
            return row;
    }
    return NULL;
}

void keyed_add(keyed_t *self, const keyed_request_t *keyed)
{
    if (self->len == KEYED_MOST) {
        self->first = (self->first + 1) % KEYED_MOST;
        self->len--;
    }
    self->row[(self->first + self->len++) % KEYED_MOST] = *keyed;
}
