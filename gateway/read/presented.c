#include "gateway/read/presented.h"

#include "common/base/secret.h"

#include <sodium.h>

void presented_add(presented_t *self, slice_t text)
{
    text = slice_trim(text, OWS "\r\n\v\f");
    if (text.len == 0)
        return;
    bool oversized = text.len > sizeof self->text;
    if (self->present) {
        self->conflict |=
            oversized || self->oversized || !secret_eq(self->text, self->len, text.data, text.len);
        return;
    }
    self->present = true;
    self->oversized = oversized;
    self->len = oversized ? 0 : text.len;
    memcpy(self->text, text.data, self->len);
}

bool presented_add_basic(presented_t *self, slice_t base64)
{
    enum { LONGEST = 2 * WIRE_TEXT };
    char decoded[LONGEST];
    size_t len = 0;
    const char *end = NULL;
    base64 = slice_trim(base64, OWS "\r\n\v\f");
    if (base64.len > LONGEST / 3 * 4) {
        presented_add(self, base64); /* longer than any */
        return true;
    }
    bool whole =
        sodium_base642bin((unsigned char *)decoded, sizeof decoded, base64.data, base64.len, NULL,
                          &len, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
        end == base64.data + base64.len;
    const char *colon = whole ? memchr(decoded, ':', len) : NULL;
    if (colon)
        presented_add(self, slice(colon + 1, len - (size_t)(colon + 1 - decoded)));
    secret_wipe(decoded, sizeof decoded);
    return colon;
}

void presented_merge(presented_t *self, const presented_t *other)
{
    self->conflict |= other->conflict || (other->oversized && self->present);
    if (other->oversized && !self->present)
        self->present = self->oversized = true;
    else if (other->present && !other->oversized)
        presented_add(self, slice(other->text, other->len));
}

void presented_wipe(presented_t *self)
{
    secret_wipe(self->text, self->len);
    self->present = self->oversized = self->conflict = false;
    self->len = 0;
}
