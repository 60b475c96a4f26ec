#include "gateway/read/headers.h"

#include "common/base/header_class.h"

#include <stdint.h>
#include <strings.h>

enum { LISTED = 100 };

bool header_travels(slice_t name)
{
    return name.len > 0 && header_class(name) == HEADER_TRAVELS;
}

bool header_is_listed(slice_t connection, slice_t name)
{
    for (unsigned i = 0; connection.len && i < LISTED; i++) {
        slice_t listed = header_next_word(&connection);
        if (listed.len == name.len && strncasecmp(listed.data, name.data, name.len) == 0)
            return true;
    }
    return false;
}

typedef struct {
    const char *text;
    size_t len;
} name_t;
#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
#define COUNT(table) (sizeof table / sizeof *table)

static bool s_is_one(const name_t *names, size_t count, slice_t name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].len == name.len && memcmp(names[i].text, name.data, name.len) == 0)
            return true;
    return false;
}

bool header_travels_with_message(slice_t name)
{
    static const name_t names[] = {NAME("content-type"), NAME("content-encoding"),
                                   NAME("idempotency-key")};
    return s_is_one(names, COUNT(names), name);
}

bool header_travels_to_authd(slice_t name)
{
    static const name_t names[] = {NAME("content-type"), NAME("if-match"), NAME("if-none-match"),
                                   NAME("idempotency-key")};
    return s_is_one(names, COUNT(names), name);
}

/* Most names have another length than all of these. */
bool header_names_sender(slice_t name)
{
    static const name_t names[] = {
#define SENDER(name) NAME(name),
#include "gateway/read/senders.def"
#undef SENDER
    };
    static const uint64_t lengths = 0
#define SENDER(name) | UINT64_C(1) << (sizeof name - 1)
#include "gateway/read/senders.def"
#undef SENDER
        ;
    return name.len < 64 && lengths >> name.len & 1 && s_is_one(names, COUNT(names), name);
}

/* What follows SCHEME and the spaces behind it (RFC 9110 §11.4). */
static bool s_behind(slice_t value, const char *scheme, slice_t *rest)
{
    size_t len = strlen(scheme);
    if (value.len <= len || value.data[len] != ' ' || strncasecmp(value.data, scheme, len) != 0)
        return false;
    while (len < value.len && value.data[len] == ' ')
        len++;
    *rest = slice(value.data + len, value.len - len);
    return true;
}

bool header_bearer(slice_t value, slice_t *token)
{
    return s_behind(value, "bearer", token) || s_behind(value, "zoho-oauthtoken", token);
}

bool header_basic(slice_t value, slice_t *base64)
{
    return s_behind(value, "basic", base64);
}

bool header_is_key(slice_t value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7e)
            return false;
    return value.len >= 1 && value.len <= 255;
}
