#include "gateway/read/client_address.h"

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

bool client_address(const networks_t *self, const address_t *peer, const slice_t *forwarded,
                    size_t lines, address_t *client)
{
    *client = *peer;
    for (size_t line = lines; line-- > 0;) {
        slice_t list = forwarded[line], element;
        while (networks_has(self, client) && s_last(&list, &element))
            if (element.len && !address_parse(element, client))
                return false;
    }
    return true;
}
