#include "authd/manage/etag.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 16 };

/* What is no part of the object itself: its use, its people, how it is reached, what shows once. */
static const char *const s_left_out[] = {
    "etag",      "state",      "last_used", "last_target", "last_address", "count",
    "calls_24h", "token",      "calls_30d", "replaces",    "members",      "subscribers",
    "more",      "apps",       "urls",      "tokens",      "moved_to",     "sessions_ended",
    "session",   "signed_in",  "csrf",      "rights",      "limits",       "active_tokens",
    "totp",      "last_login", "person",    "owner_name",  "by_name",      "endpoints",
    "link",      "invitation", "secret",    "warning",
};

void etag_of(const json_t *object, char text[ETAG_TEXT])
{
    uint8_t tag[TAG];
    json_t *copy = json_copy((json_t *)object);
    assert(copy);
    for (unsigned i = 0; i < sizeof s_left_out / sizeof *s_left_out; i++)
        json_object_del(copy, s_left_out[i]);
    if (json_is_object(json_object_get(copy, "user"))) /* an object of its own */
        json_object_del(copy, "user");
    char *plain = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
    assert(plain);
    crypto_generichash(tag, TAG, (const uint8_t *)plain, strlen(plain), NULL, 0);
    sodium_bin2hex(text, ETAG_TEXT, tag, TAG);
    free(plain);
    json_decref(copy);
}

void etag_add(json_t *object)
{
    char text[ETAG_TEXT];
    if (!json_object_get(object, "id"))
        return;
    etag_of(object, text);
    json_object_set_new(object, "etag", json_string(text));
}

void etag_of_bytes(slice_t bytes, char text[ETAG_TEXT])
{
    uint8_t tag[TAG];
    crypto_generichash(tag, TAG, (const uint8_t *)bytes.data, bytes.len, NULL, 0);
    sodium_bin2hex(text, ETAG_TEXT, tag, TAG);
}

/* The comparison is the weak one, so W/ does not matter; a tag has no comma and no blank. */
bool etag_is_known(slice_t field, const char *tag)
{
    char quoted[ETAG_TEXT + 2];
    snprintf(quoted, sizeof quoted, "\"%s\"", tag);
    while (field.len) {
        size_t skip = 0, len = 0;
        while (skip < field.len && is_one_of(field.data[skip], ", \t"))
            skip++;
        if (skip + 1 < field.len && memcmp(field.data + skip, "W/", 2) == 0)
            skip += 2;
        while (skip + len < field.len && !is_one_of(field.data[skip + len], ", \t"))
            len++;
        slice_t one = slice(field.data + skip, len);
        if (slice_is(one, quoted) || slice_is(one, "*"))
            return true;
        field = slice(field.data + skip + len, field.len - skip - len);
    }
    return false;
}
