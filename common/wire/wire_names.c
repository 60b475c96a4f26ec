#include "common/wire/wire.h"

#include <assert.h>

const char *wire_role_name(wire_role_t role)
{
    static const char *const names[] = {"?", "gateway", "authd", "router", "worker", "control"};
    return role >= ROLE_GATEWAY && role <= ROLE_CONTROL ? names[role] : names[0];
}

const char *wire_goodbye_text(wire_goodbye_t reason)
{
    static const char *const texts[] = {
        "?",
        "it is leaving",
        "the ranges of wire versions do not meet: upgrade one of the two",
        "another shard count, or a shard out of its range: compare the [shards] sections",
        "another journal serves this shard: two data directories claim it",
        "this endpoint is not for this role, or the key is not allowed for it: compare the "
        "endpoints of "
        "the two configurations, and posternctl keys list there",
        "it has as many peers as there may be: end some, or try again in a few seconds",
        "another worker has this shard since: if its database was restored, restart the routers",
    };
    return reason >= GOODBYE_LEAVING && reason <= GOODBYE_SUPERSEDED ? texts[reason] : texts[0];
}

/* splitmix64's finaliser over both halves, big-endian: spreads ids that share their time bits. */
unsigned wire_shard(const uuid_t7 *target, unsigned count)
{
    assert(count > 0);
    uint64_t mix = 0;
    for (unsigned half = 0; half < 2; half++) {
        uint64_t word = 0;
        for (unsigned i = 0; i < 8; i++)
            word = word << 8 | target->bytes[half * 8 + i];
        mix = (mix ^ word) + 0x9e3779b97f4a7c15u;
        mix = (mix ^ mix >> 30) * 0xbf58476d1ce4e5b9u;
        mix = (mix ^ mix >> 27) * 0x94d049bb133111ebu;
        mix ^= mix >> 31;
    }
    return (unsigned)(mix % count);
}
