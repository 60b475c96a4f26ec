#include "authd/directory/terms.h"

#include "authd/directory/fields.h"

#include <string.h>

static const char *const s_keys[TERMS_KINDS] = {"channels", "bots", "extensions"};

terms_t terms_none(void)
{
    return (terms_t){.networks = slice("", 0),
                     .targets = {slice("", 0), slice("", 0), slice("", 0)}};
}

/* Fields in the order in which terms_write writes them. */
terms_t terms_read(slice_t encoded)
{
    terms_t self = terms_none();
    if (encoded.len == 0)
        return self;
    fields_t fields = fields_begin(encoded);
    self.networks = fields_bytes(&fields, "networks");
    self.post_only = fields_uint(&fields, "post_only", 0) != 0;
    self.body_bytes = fields_uint(&fields, "body", 0);
    self.listed = fields_uint(&fields, "listed", 0) != 0;
    for (unsigned kind = 0; kind < TERMS_KINDS; kind++)
        self.targets[kind] = fields_bytes(&fields, s_keys[kind]);
    self.replaced_ms = fields_uint(&fields, "replaced", 0);
    self.successor = fields_uuid(&fields, "successor");
    return self;
}

static bool s_says_nothing(const terms_t *self)
{
    return self->networks.len == 0 && !self->post_only && self->body_bytes == 0 && !self->listed &&
           self->replaced_ms == 0;
}

void terms_write(const terms_t *self, pack_t *out)
{
    if (s_says_nothing(self))
        return;
    pack_map(out, 6 + TERMS_KINDS);
    pack_pair_bin(out, "networks", self->networks.data, self->networks.len);
    pack_pair_uint(out, "post_only", self->post_only);
    pack_pair_uint(out, "body", self->body_bytes);
    pack_pair_uint(out, "listed", self->listed);
    for (unsigned kind = 0; kind < TERMS_KINDS; kind++)
        pack_pair_bin(out, s_keys[kind], self->targets[kind].data, self->targets[kind].len);
    pack_pair_uint(out, "replaced", self->replaced_ms);
    pack_pair_bin(out, "successor", self->successor.bytes, UUID_BYTES);
}

bool terms_cover(const terms_t *self, terms_kind_t kind, const uuid_t7 *target)
{
    uuid_t7 id;
    bool found = !self->listed;
    for (size_t i = 0; !found && terms_target(self, kind, i, &id); i++)
        found = uuid_eq(&id, target);
    return found;
}

bool terms_allow_address(const terms_t *self, slice_t client)
{
    address_t address;
    network_t network;
    bool found = self->networks.len == 0;
    if (found || !address_parse(client, &address))
        return found;
    for (size_t i = 0; !found && terms_network(self, i, &network); i++)
        found = network_has(&network, &address);
    return found;
}

void terms_add_target(pack_t *targets, const uuid_t7 *id)
{
    pack_raw(targets, slice(id->bytes, UUID_BYTES));
}

void terms_add_network(pack_t *networks, const network_t *network)
{
    pack_raw(networks, slice(network->base.bytes, sizeof network->base.bytes));
    pack_raw(networks, slice(&network->bits, 1));
}

bool terms_target(const terms_t *self, terms_kind_t kind, size_t i, uuid_t7 *id)
{
    slice_t all = self->targets[kind];
    if ((i + 1) * UUID_BYTES > all.len)
        return false;
    memcpy(id->bytes, all.data + i * UUID_BYTES, UUID_BYTES);
    return true;
}

bool terms_network(const terms_t *self, size_t i, network_t *network)
{
    if ((i + 1) * TERMS_NETWORK > self->networks.len)
        return false;
    const char *at = self->networks.data + i * TERMS_NETWORK;
    memcpy(network->base.bytes, at, sizeof network->base.bytes);
    network->bits = (uint8_t)at[sizeof network->base.bytes];
    return network->bits <= 128;
}
