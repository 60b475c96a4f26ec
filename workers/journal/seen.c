#include "workers/journal/seen.h"

#include <string.h>

bool seen_key_expired(const seen_key_t *key)
{
    return key->age_ms >= JOURNAL_KEY_MS;
}

static bool s_is_same(const seen_key_t *key, const journal_entry_t *entry)
{
    return memcmp(key->hash, entry->hash, sizeof key->hash) == 0 ||
           memcmp(key->hash, entry->hash_as_came, sizeof key->hash) == 0;
}

void seen_decide(const journal_answer_t *hit, const seen_key_t *key_hit, seen_room_t room,
                 journal_entry_t *entry)
{
    bool keyed = entry->dedupe.len > 0, known = key_hit && !seen_key_expired(key_hit);
    if (hit) {
        entry->outcome = JOURNAL_RESENT;
        entry->answer = *hit;
    } else if (known && s_is_same(key_hit, entry)) {
        entry->outcome = JOURNAL_REPLAYED;
        entry->answer = key_hit->answer;
    } else {
        entry->outcome = known                            ? JOURNAL_REUSED
                         : entry->refused                 ? JOURNAL_REFUSED
                         : !room.record                   ? JOURNAL_NO_ROOM
                         : keyed && !key_hit && !room.key ? JOURNAL_NO_KEYS
                                                          : JOURNAL_STORED;
    }
}
