#include "common/base/secret.h"
#include "common/base/utf8.h"
#include "common/wire/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

wire_reply_t wire_reply_to(const wire_request_t *request)
{
    return (wire_reply_t){
        .id = request->id, .origin = request->origin, .attempt = request->attempt};
}

void wire_reply_refuse(wire_reply_t *reply, error_code_t code)
{
    const error_row_t *row = error_find(code);
    assert(row);
    reply->status = row->status;
    reply->error = row->code;
    reply->retry_after_s = row->retry_after_s;
}

void wire_reply_add(wire_reply_t *reply, unsigned fact, uint64_t value)
{
    if (reply->facts == WIRE_FACTS)
        return;
    reply->fact[reply->facts].fact = fact;
    reply->fact[reply->facts++].value = value;
}

slice_t wire_reply_details(const wire_reply_t *reply, slice_t *body)
{
    uint64_t len = 0;
    for (unsigned i = 0; i < reply->facts; i++)
        if (reply->fact[i].fact == FACT_DETAILS)
            len = reply->fact[i].value;
    if (len < 2 || len > body->len)
        return slice("", 0);
    slice_t details = slice(body->data + body->len - len, len);
    *body = slice(body->data, body->len - len);
    bool object = details.data[0] == '{' && details.data[len - 1] == '}';
    return object && utf8_valid(details) ? details : slice("", 0);
}

void wire_reply_wipe(wire_reply_t *reply)
{
    for (unsigned i = 0; i < reply->facts; i++)
        if (reply->fact[i].fact == FACT_SESSION)
            secret_wipe(&reply->fact[i].value, sizeof reply->fact[i].value);
}

size_t wire_facts_text(const wire_reply_t *reply, char text[WIRE_FACTS_TEXT])
{
    size_t len = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < reply->facts; i++) {
        int more = snprintf(text + len, WIRE_FACTS_TEXT - len, "%s%u=%" PRIu64, len ? " " : "",
                            reply->fact[i].fact, reply->fact[i].value);
        if (len + (size_t)more >= WIRE_FACTS_TEXT)
            break;
        len += (size_t)more;
    }
    return len;
}

/* Cuts a number and the character END behind it (or the end of the text) off. */
static bool s_number(slice_t *text, char end, uint64_t *value)
{
    size_t at = 0;
    *value = 0;
    for (; at < text->len && text->data[at] >= '0' && text->data[at] <= '9'; at++) {
        unsigned digit = (unsigned)(text->data[at] - '0');
        if (*value > (UINT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    if (at == 0 || (at < text->len && text->data[at] != end))
        return false;
    size_t cut = at < text->len ? at + 1 : at;
    *text = slice(text->data + cut, text->len - cut);
    return true;
}

void wire_reply_repeat(wire_reply_t *reply, slice_t facts)
{
    uint64_t fact, value;
    while (facts.len && s_number(&facts, '=', &fact) && fact <= UINT16_MAX &&
           s_number(&facts, ' ', &value))
        wire_reply_add(reply, (unsigned)fact, value);
}
