#include "common/base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t s_mapped[12] = {[10] = 0xff, [11] = 0xff};

bool address_of(const struct sockaddr *name, address_t *address)
{
    if (name->sa_family == AF_INET) {
        memcpy(address->bytes, s_mapped, sizeof s_mapped);
        memcpy(address->bytes + 12, &((const struct sockaddr_in *)name)->sin_addr, 4);
        return true;
    }
    if (name->sa_family != AF_INET6)
        return false;
    memcpy(address->bytes, &((const struct sockaddr_in6 *)name)->sin6_addr, 16);
    return true;
}

bool address_parse(slice_t text, address_t *address)
{
    char host[ADDRESS_TEXT];
    if (text.len && *text.data == '[') {
        const char *end = memchr(text.data, ']', text.len);
        if (!end || (end + 1 < text.data + text.len && end[1] != ':'))
            return false;
        text = slice(text.data + 1, (size_t)(end - text.data) - 1);
    } else {
        const char *colon = memchr(text.data, ':', text.len);
        size_t before = colon ? (size_t)(colon - text.data) : text.len;
        bool again = colon && memchr(colon + 1, ':', text.len - before - 1);
        if (!again)
            text.len = before;
    }
    if (text.len == 0 || text.len >= sizeof host)
        return false;
    memcpy(host, text.data, text.len);
    host[text.len] = '\0';
    if (inet_pton(AF_INET, host, address->bytes + 12) == 1) {
        memcpy(address->bytes, s_mapped, sizeof s_mapped);
        return true;
    }
    return inet_pton(AF_INET6, host, address->bytes) == 1;
}

int address_find(const char *text, int flags, struct addrinfo **found)
{
    char host[256];
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = {.ai_flags = flags | AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    int len = colon ? (int)(colon - text) : 0;
    bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
    snprintf(host, sizeof host, "%.*s", bracket ? len - 2 : len, text + bracket);
    return colon ? getaddrinfo(host, colon + 1, &hints, found) : EAI_NONAME;
}

bool address_eq(const address_t *a, const address_t *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool s_is_mapped(const address_t *address)
{
    return memcmp(address->bytes, s_mapped, sizeof s_mapped) == 0;
}

address_t address_sender(const address_t *address)
{
    address_t sender = *address;
    if (!s_is_mapped(address))
        memset(sender.bytes + 8, 0, 8);
    return sender;
}

size_t address_text(const address_t *address, char text[ADDRESS_TEXT])
{
    bool mapped = s_is_mapped(address);
    inet_ntop(mapped ? AF_INET : AF_INET6, address->bytes + (mapped ? 12 : 0), text, ADDRESS_TEXT);
    return strlen(text);
}

/* The digits behind the stroke; -1 when they are none, or more than MOST. */
static int s_bits(slice_t text, unsigned most)
{
    unsigned bits = 0;
    if (text.len == 0 || text.len > 3)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        bits = bits * 10 + (unsigned)(text.data[i] - '0');
    }
    return bits <= most ? (int)bits : -1;
}

bool network_parse(slice_t text, network_t *network)
{
    const char *stroke = text.len ? memchr(text.data, '/', text.len) : NULL;
    size_t len = stroke ? (size_t)(stroke - text.data) : text.len;
    slice_t base = slice(text.data, len);
    const char *colon = len ? memchr(base.data, ':', len) : NULL;
    /* A network has no port. */
    if (!address_parse(base, &network->base) || *base.data == '[' ||
        (colon && !memchr(colon + 1, ':', len - (size_t)(colon + 1 - base.data))))
        return false;
    int most = colon ? 128 : 32, bits = most;
    if (stroke)
        bits = s_bits(slice(stroke + 1, text.len - len - 1), (unsigned)most);
    network->bits = (uint8_t)(bits + (colon ? 0 : 96));
    return bits >= 0;
}

bool network_has(const network_t *network, const address_t *address)
{
    unsigned bytes = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->base.bytes, address->bytes, bytes) != 0)
        return false;
    return rest == 0 || (network->base.bytes[bytes] ^ address->bytes[bytes]) >> (8 - rest) == 0;
}

size_t network_text(const network_t *network, char text[NETWORK_TEXT])
{
    bool mapped = network->bits >= 96 && s_is_mapped(&network->base);
    size_t len = address_text(&network->base, text);
    int more = snprintf(text + len, NETWORK_TEXT - len, "/%u", network->bits - (mapped ? 96 : 0));
    return len + (size_t)more;
}

networks_t *networks_new(const char *text, char *err, size_t err_size)
{
    networks_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    for (const char *at = text + strspn(text, " ,"); *at; at += strspn(at, " ,")) {
        size_t len = strcspn(at, " ,");
        self->network = realloc(self->network, (self->len + 1) * sizeof *self->network);
        if (!self->network)
            abort();
        if (!network_parse(slice(at, len), &self->network[self->len])) {
            snprintf(err, err_size, "'%.*s' is not a network such as 10.0.0.0/8 or fd12::/16",
                     (int)len, at);
            networks_destroy(&self);
            return NULL;
        }
        self->len++;
        at += len;
    }
    return self;
}

void networks_destroy(networks_t **self_p)
{
    if (*self_p) {
        free((*self_p)->network);
        free(*self_p);
        *self_p = NULL;
    }
}

bool networks_has(const networks_t *self, const address_t *address)
{
    for (size_t i = 0; i < self->len; i++)
        if (network_has(&self->network[i], address))
            return true;
    return false;
}
