#include "workers/post/form.h"

#include "common/base/percent.h"
#include "common/base/utf8.h"
#include "common/wire/pairs.h"
#include "workers/message/message.h"

/* A piece between two &, decoded. */
typedef struct {
    json_out_t name, value;
} piece_t;

static void s_decode(slice_t text, json_out_t *out)
{
    json_reset(out);
    json_raw(out, text);
    out->len = percent_decode_form(slice(out->data, out->len), out->data);
}

static slice_t s_text(const json_out_t *decoded)
{
    return slice(decoded->data, decoded->len);
}

/* Whether an encoder can have made NAME. */
static bool s_is_encoded(slice_t name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] <= ' ' || name.data[i] >= 0x7f)
            return false;
    return true;
}

/* Takes the next piece off REST; an empty one has no name and no value. */
static form_outcome_t s_next(slice_t *rest, piece_t *piece)
{
    slice_t name, value;
    percent_piece(rest, &name, &value);
    if ((name.len > 0 && !value.data) || !s_is_encoded(name))
        return FORM_NOT_ENCODED;
    s_decode(name, &piece->name);
    s_decode(value, &piece->value);
    return FORM_OK;
}

static bool s_is_json(message_field_t field, slice_t value)
{
    return field == MESSAGE_FIELD_ANY && value.len > 0 && is_one_of(value.data[0], "{[");
}

/* Adds VALUE to the object in OUT when a message has a field NAME. */
static form_outcome_t s_add(slice_t name, slice_t value, json_out_t *out)
{
    message_field_t field = message_field(name);
    if (field == MESSAGE_FIELD_NONE)
        return FORM_OK;
    if (!utf8_valid(value))
        return FORM_NOT_UTF8;
    json_lit(out, out->len ? "," : "{");
    json_quote(out, name);
    json_lit(out, ":");
    s_is_json(field, value) ? json_raw(out, value) : json_quote(out, value);
    return FORM_OK;
}

static form_outcome_t s_read(slice_t rest, piece_t *piece, json_out_t *payload, json_out_t *out)
{
    while (rest.len > 0) {
        form_outcome_t outcome = s_next(&rest, piece);
        bool is_payload = slice_is(s_text(&piece->name), "payload");
        if (outcome == FORM_OK && is_payload && payload->data)
            outcome = FORM_TWICE;
        else if (outcome == FORM_OK && is_payload)
            json_raw(payload, piece->value.len ? s_text(&piece->value) : slice_of(" "));
        else if (outcome == FORM_OK)
            outcome = s_add(s_text(&piece->name), s_text(&piece->value), out);
        if (outcome != FORM_OK)
            return outcome;
    }
    return payload->data || out->len ? FORM_OK : FORM_EMPTY;
}

form_outcome_t form_read(slice_t body, json_out_t *out)
{
    piece_t piece = {0};
    json_out_t payload = {0};
    json_reset(out);
    form_outcome_t outcome = s_read(body, &piece, &payload, out);
    if (payload.data) {
        json_reset(out);
        json_raw(out, s_text(&payload));
    } else if (out->len) {
        json_lit(out, "}");
    }
    json_free(&payload);
    json_free(&piece.name);
    json_free(&piece.value);
    return outcome;
}

form_outcome_t form_of_pairs(slice_t pairs, json_out_t *out)
{
    slice_t name, value;
    form_outcome_t outcome = FORM_OK;
    json_reset(out);
    for (wire_pairs_t each = wire_pairs_begin(pairs);
         outcome == FORM_OK && wire_pairs_next(&each, &name, &value);)
        outcome = s_add(name, value, out);
    if (out->len)
        json_lit(out, "}");
    else if (outcome == FORM_OK)
        outcome = FORM_EMPTY;
    return outcome;
}

const char *form_reason(form_outcome_t outcome)
{
    static const char *const reasons[] = {
        [FORM_EMPTY] = "The form has neither text nor payload, nor another field of a message.",
        [FORM_NOT_UTF8] = "The form's text is not valid UTF-8.",
        [FORM_NOT_ENCODED] =
            "The form has a piece without =, or whose name has a space: in a value, & is encoded "
            "as "
            "%26, = as %3D, + as %2B and % as %25 (curl --data-urlencode does it).",
        [FORM_TWICE] = "payload stands twice.",
    };
    return reasons[outcome];
}
