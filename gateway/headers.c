#include "gateway/headers.h"

#include <strings.h>

typedef struct {
    const char *text;
    size_t len;
} name_t;
#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

static const name_t s_exact[] = {
    NAME("content-type"), NAME("content-encoding"), NAME("accept"),
    NAME("user-agent"),   NAME("idempotency-key"),  NAME("date"),
    NAME("traceparent"),  NAME("tracestate"),
};
static const name_t s_prefixes[] = {NAME("x-"), NAME("ce-"), NAME("webhook-")};

/* What these prefixes let through and must not. */
static const name_t s_never[] = {NAME("x-webhook-token"), NAME("x-real-ip"), NAME("x-request-id"),
                                 NAME("x-api-key")};
static const name_t s_never_prefixes[] = {NAME("x-forwarded-"), NAME("x-auth-")};
static const name_t s_never_suffixes[] = {NAME("-token"), NAME("-key"), NAME("-secret")};

#define COUNT(table) (sizeof table / sizeof *table)

static bool s_is_one(const name_t *names, size_t count, slice_t name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].len == name.len && memcmp(names[i].text, name.data, name.len) == 0)
            return true;
    return false;
}

static bool s_begins(const name_t *names, size_t count, slice_t name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].len <= name.len && memcmp(names[i].text, name.data, names[i].len) == 0)
            return true;
    return false;
}

static bool s_ends(const name_t *names, size_t count, slice_t name)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].len <= name.len &&
            memcmp(names[i].text, name.data + name.len - names[i].len, names[i].len) == 0)
            return true;
    return false;
}

bool header_travels(slice_t name)
{
    if (s_is_one(s_exact, COUNT(s_exact), name))
        return true;
    return s_begins(s_prefixes, COUNT(s_prefixes), name) &&
           !s_is_one(s_never, COUNT(s_never), name) &&
           !s_begins(s_never_prefixes, COUNT(s_never_prefixes), name) &&
           !s_ends(s_never_suffixes, COUNT(s_never_suffixes), name);
}

bool header_travels_to_authd(slice_t name)
{
    static const name_t names[] = {NAME("content-type"), NAME("if-match"), NAME("idempotency-key")};
    return s_is_one(names, COUNT(names), name);
}

bool header_bearer(slice_t value, slice_t *token)
{
    static const name_t schemes[] = {NAME("bearer"), NAME("zoho-oauthtoken")};
    for (size_t i = 0; i < COUNT(schemes); i++) {
        size_t len = schemes[i].len;
        if (value.len <= len || value.data[len] != ' ' ||
            strncasecmp(value.data, schemes[i].text, len) != 0)
            continue;
        while (len < value.len && value.data[len] == ' ')
            len++;
        *token = slice(value.data + len, value.len - len);
        return true;
    }
    return false;
}

bool header_is_key(slice_t value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7e)
            return false;
    return value.len >= 1 && value.len <= 255;
}
