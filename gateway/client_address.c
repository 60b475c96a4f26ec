#include "gateway/client_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    address_t base;
    unsigned bits;
} network_t;

struct trusted {
    network_t *network;
    size_t len;
};

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

size_t address_text(const address_t *address, char text[ADDRESS_TEXT])
{
    bool mapped = memcmp(address->bytes, s_mapped, sizeof s_mapped) == 0;
    inet_ntop(mapped ? AF_INET : AF_INET6, address->bytes + (mapped ? 12 : 0), text, ADDRESS_TEXT);
    return strlen(text);
}

static bool s_network(slice_t text, network_t *network)
{
    const char *stroke = memchr(text.data, '/', text.len);
    size_t len = stroke ? (size_t)(stroke - text.data) : text.len;
    slice_t base = slice(text.data, len);
    if (!address_parse(base, &network->base))
        return false;
    bool ipv4 = !memchr(base.data, ':', base.len);
    unsigned most = ipv4 ? 32 : 128, bits = most;
    if (stroke) {
        const char *digit = stroke + 1, *end = text.data + text.len;
        if (digit == end || end - digit > 3)
            return false;
        for (bits = 0; digit < end; digit++) {
            if (*digit < '0' || *digit > '9')
                return false;
            bits = bits * 10 + (unsigned)(*digit - '0');
        }
    }
    network->bits = bits + (ipv4 ? 96 : 0);
    return bits <= most;
}

trusted_t *trusted_new(const char *cidrs, char *err, size_t err_size)
{
    trusted_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    for (const char *at = cidrs + strspn(cidrs, " ,"); *at; at += strspn(at, " ,")) {
        size_t len = strcspn(at, " ,");
        self->network = realloc(self->network, (self->len + 1) * sizeof *self->network);
        if (!self->network)
            abort();
        if (!s_network(slice(at, len), &self->network[self->len])) {
            snprintf(err, err_size, "'%.*s' is not a network such as 10.0.0.0/8", (int)len, at);
            trusted_destroy(&self);
            return NULL;
        }
        self->len++;
        at += len;
    }
    return self;
}

void trusted_destroy(trusted_t **self_p)
{
    if (*self_p) {
        free((*self_p)->network);
        free(*self_p);
        *self_p = NULL;
    }
}

static bool s_inside(const network_t *network, const address_t *address)
{
    unsigned bytes = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->base.bytes, address->bytes, bytes) != 0)
        return false;
    return rest == 0 || (network->base.bytes[bytes] ^ address->bytes[bytes]) >> (8 - rest) == 0;
}

bool trusted_has(const trusted_t *self, const address_t *address)
{
    for (size_t i = 0; i < self->len; i++)
        if (s_inside(&self->network[i], address))
            return true;
    return false;
}

/* Cuts the last element off a list; false when there is none left. */
static bool s_last(slice_t *list, slice_t *element)
{
    if (list->len == 0)
        return false;
    const char *comma = memrchr(list->data, ',', list->len);
    const char *from = comma ? comma + 1 : list->data;
    size_t len = list->len - (size_t)(from - list->data);
    list->len = comma ? (size_t)(comma - list->data) : 0;
    for (; len && (*from == ' ' || *from == '\t'); len--)
        from++;
    while (len && (from[len - 1] == ' ' || from[len - 1] == '\t'))
        len--;
    *element = slice(from, len);
    return true;
}

address_t client_address(const trusted_t *self, const address_t *peer, const slice_t *forwarded,
                         size_t lines)
{
    address_t client = *peer;
    if (!trusted_has(self, peer))
        return client;
    for (size_t line = lines; line-- > 0;) {
        slice_t list = forwarded[line], element;
        while (s_last(&list, &element)) {
            address_t address;
            if (!address_parse(element, &address))
                return client;
            client = address;
            if (!trusted_has(self, &client))
                return client;
        }
    }
    return client;
}
