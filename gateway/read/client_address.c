#include "gateway/read/client_address.h"

#include <stdio.h>
#include <stdlib.h>

struct trusted {
    network_t *network;
    size_t len;
};

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
        if (!network_parse(slice(at, len), &self->network[self->len])) {
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

bool trusted_has(const trusted_t *self, const address_t *address)
{
    for (size_t i = 0; i < self->len; i++)
        if (network_has(&self->network[i], address))
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

bool client_address(const trusted_t *self, const address_t *peer, const slice_t *forwarded,
                    size_t lines, address_t *client)
{
    *client = *peer;
    for (size_t line = lines; line-- > 0;) {
        slice_t list = forwarded[line], element;
        while (trusted_has(self, client) && s_last(&list, &element))
            if (element.len && !address_parse(element, client))
                return false;
    }
    return true;
}
