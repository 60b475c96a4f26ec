#include "common/source/request.h"

unsigned source_header(const source_request_t *self, slice_t name, slice_t *value)
{
    unsigned count = 0;
    slice_t each_name, each_value;
    wire_pairs_t each = wire_pairs_begin(self->headers);
    *value = slice(NULL, 0);
    while (wire_pairs_next(&each, &each_name, &each_value))
        if (slice_eq(each_name, name) && count++ == 0)
            *value = slice_trim(each_value, OWS);
    return count;
}

bool source_param(const source_request_t *self, const char *name, slice_t *value)
{
    return wire_pairs_find(self->params, name, value);
}
