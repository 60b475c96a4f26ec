/* The side of PostgreSQL of a migration: does what the other side, which reads and writes the files
 * of this host, asks for. */
#include "workers/journal/postgres/port.h"

#include <stdio.h>
#include <unistd.h>

typedef struct {
    carry_t *carry;
    port_t *port;
    char err[1024];
} carrier_t;

static int s_answer(carrier_t *self, carry_kind_t kind, const void *data, size_t size)
{
    carry_send(self->carry, kind, slice(data, size));
    return 0;
}

static int s_look(carrier_t *self, slice_t bytes)
{
    carry_state_t state;
    (void)bytes;
    if (port_look(self->port, &state, self->err, sizeof self->err) != 0)
        return -1;
    return s_answer(self, CARRY_LOOK, &state, sizeof state);
}

/* A place, and of MOVED an epoch for each shard. */
static int s_set(carrier_t *self, slice_t bytes)
{
    unsigned shards = self->port->journal.options.shards;
    uint64_t epochs[PORT_SHARDS];
    carry_place_t place;
    bool any = bytes.len == sizeof place;
    if (shards > PORT_SHARDS || (!any && bytes.len != sizeof place + shards * sizeof *epochs))
        return -1;
    memcpy(&place, bytes.data, sizeof place);
    memcpy(epochs, bytes.data + sizeof place, bytes.len - sizeof place);
    port_leave(self->port);
    if (port_set(self->port, place, any ? NULL : epochs, self->err, sizeof self->err) != 0)
        return -1;
    return s_answer(self, CARRY_DONE, NULL, 0);
}

static int s_facts(carrier_t *self)
{
    const port_t *port = self->port;
    const carry_facts_t facts = {.facts = port->facts,
                                 .epoch = journal_epoch(&port->journal),
                                 .empty = port->empty,
                                 .came = port->came};
    return s_answer(self, CARRY_FACTS, &facts, sizeof facts);
}

static int s_hold(carrier_t *self, slice_t bytes)
{
    carry_shard_t shard;
    if (bytes.len != sizeof shard)
        return -1;
    memcpy(&shard, bytes.data, sizeof shard);
    if (shard.shard >= self->port->journal.options.shards || shard.shard >= PORT_SHARDS)
        return -1;
    if (port_hold(self->port, shard.shard, self->err, sizeof self->err) != 0)
        return -1;
    if (!shard.fresh || self->port->empty)
        return s_facts(self);
    snprintf(
        self->err, sizeof self->err,
        "the database has a journal of %s already: name another database, or, where what it has "
        "is to go, drop its schema postern and let posternctl db init "
        "make it anew",
        self->port->journal.lease);
    return -1;
}

/* Counts what the journal gives, and sends it where SENDS. */
static int s_read(carrier_t *self, census_t *census, bool sends)
{
    const journal_exported_t *entry = NULL;
    given_t *given = given_new(self->port);
    int rc = given_next(given, &entry, self->err, sizeof self->err);
    for (; rc == 0 && entry; rc = given_next(given, &entry, self->err, sizeof self->err)) {
        if (!carry_settle((journal_exported_t *)entry, self->port->facts.running_ms,
                          self->port->journal.options.delivery_retention_ms))
            continue;
        census_add(census, entry);
        if (sends)
            carry_entry(self->carry, entry);
    }
    given_destroy(&given);
    return rc;
}

static int s_give(carrier_t *self, slice_t bytes)
{
    census_t census = {0};
    (void)bytes;
    s_facts(self);
    return s_read(self, &census, true) ? -1 : s_answer(self, CARRY_END, &census, sizeof census);
}

static int s_take_entries(carrier_t *self, taken_t *taken, census_t *census)
{
    carry_kind_t kind;
    slice_t bytes;
    static journal_exported_t entry;
    for (;;) {
        if (carry_next(self->carry, &kind, &bytes, self->err, sizeof self->err) != 0)
            return -1;
        if (kind == CARRY_END && bytes.len == sizeof *census)
            return memcpy(census, bytes.data, bytes.len), 0;
        snprintf(self->err, sizeof self->err, "the process at the other engine has given up");
        if (kind != CARRY_ENTRY || carry_read(bytes, &entry) != 0)
            return -1;
        if (taken_add(taken, &entry, self->err, sizeof self->err) != 0)
            return -1;
    }
}

/* What came must be what is there. */
static int s_compare(carrier_t *self, const journal_facts_t *facts, const census_t *wanted)
{
    census_t census = {0};
    self->port->facts.running_ms = facts->running_ms;
    if (s_read(self, &census, false) != 0)
        return -1;
    if (!census_is_equal(&census, wanted)) {
        snprintf(self->err, sizeof self->err,
                 "%s in PostgreSQL is not what was read: nothing was changed but there; report "
                 "this",
                 self->port->journal.lease);
        return -1;
    }
    if (port_note(self->port, facts, self->err, sizeof self->err) != 0)
        return -1;
    return s_answer(self, CARRY_END, &census, sizeof census);
}

static int s_take(carrier_t *self, slice_t bytes)
{
    journal_facts_t facts;
    census_t wanted;
    if (bytes.len != sizeof facts)
        return -1;
    memcpy(&facts, bytes.data, sizeof facts);
    if (port_clear(self->port, self->err, sizeof self->err) != 0)
        return -1;
    taken_t *taken = taken_new(self->port, &facts);
    int rc = s_take_entries(self, taken, &wanted);
    if (rc == 0)
        rc = taken_end(taken, self->err, sizeof self->err);
    taken_destroy(&taken);
    return rc ? rc : s_compare(self, &facts, &wanted);
}

static int s_do(carrier_t *self, carry_kind_t kind, slice_t bytes)
{
    snprintf(self->err, sizeof self->err, "the two processes are of different versions");
    return kind == CARRY_LOOK   ? s_look(self, bytes)
           : kind == CARRY_SET  ? s_set(self, bytes)
           : kind == CARRY_HOLD ? s_hold(self, bytes)
           : kind == CARRY_TAKE ? s_take(self, bytes)
           : kind == CARRY_GIVE ? s_give(self, bytes)
                                : -1;
}

int carrier_run(int fd, const carrier_options_t *options)
{
    static port_t port;
    carrier_t self = {.carry = carry_new(fd), .port = &port};
    carry_kind_t kind;
    slice_t bytes;
    char ended[256];
    int rc = port_open(&port, options, self.err, sizeof self.err);
    while (rc == 0 && carry_next(self.carry, &kind, &bytes, ended, sizeof ended) == 0)
        rc = s_do(&self, kind, bytes);
    if (rc != 0)
        carry_fail(self.carry, self.err);
    port_close(&port);
    carry_destroy(&self.carry);
    return rc ? 1 : 0;
}
