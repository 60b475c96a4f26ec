#include "common/source/scheme.h"

#include <stdarg.h>
#include <stdio.h>

const char *const scheme_field_names[SCHEME_FIELDS] = {"alg",      "header",  "separator", "item",
                                                       "encoding", "key",     "signed",    "id",
                                                       "ts",       "ts_form", "tolerance"};

static const char *const s_algs[] = {"hmac-sha1",  "hmac-sha256", "hmac-sha512", "ed25519",
                                     "ecdsa-p256", "equal",       NULL};
static const char *const s_encodings[] = {"hex", "base64", NULL};
static const char *const s_keys[] = {"utf8", "base64", "whsec", "hex", NULL};
static const char *const s_parts[] = {"{body}",   "{ts}",   "{id}", "{url}",
                                      "{method}", "{form}", NULL};
static const char *const s_ts_forms[] = {"s", "ms", "rfc3339", NULL};

/* One reading. */
typedef struct {
    const scheme_texts_t *texts;
    char *err;
    size_t err_size;
} reading_t;

__attribute__((format(printf, 3, 4))) static bool
s_refuse(const reading_t *self, scheme_field_t field, const char *format, ...)
{
    va_list args;
    int len = snprintf(self->err, self->err_size, "%s: ", scheme_field_names[field]);
    va_start(args, format);
    if (len > 0 && (size_t)len < self->err_size)
        vsnprintf(self->err + len, self->err_size - (size_t)len, format, args);
    va_end(args);
    return false;
}

/* The position of TEXT in NAMES; -1: it is none of them. */
static int s_find(slice_t text, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (slice_is(text, names[i]))
            return i;
    return -1;
}

/* What FIELD says of NAMES, FALLBACK when it is empty; -1 after the reason was written. */
static int s_one_of(const reading_t *self, scheme_field_t field, const char *const *names,
                    int fallback)
{
    slice_t text = self->texts->field[field];
    char all[SCHEME_TEXT] = "";
    size_t len = 0;
    int found = text.len ? s_find(text, names) : fallback;
    if (found >= 0)
        return found;
    for (size_t i = 0; names[i]; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i ? ", " : "", names[i]);
    s_refuse(self, field, "must be one of %s", all);
    return -1;
}

static bool s_is_token(slice_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return text.len > 0;
}

/* The bytes that names of JSON have here, and the points and brackets between. */
static bool s_is_path(slice_t text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return text.len > 0;
}

/* "KIND REST" with one of the kinds; the rest goes to *rest. */
static scheme_place_t s_place(slice_t text, slice_t *rest)
{
    static const struct {
        const char *word;
        scheme_place_t place;
    } words[] = {{"header ", AT_HEADER}, {"item ", AT_ITEM}, {"body ", AT_BODY}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i].word);
        if (text.len > len && memcmp(text.data, words[i].word, len) == 0) {
            *rest = slice(text.data + len, text.len - len);
            return words[i].place;
        }
    }
    return AT_NOWHERE;
}

static bool s_printable(const reading_t *self)
{
    for (unsigned f = 0; f < SCHEME_FIELDS; f++) {
        slice_t text = self->texts->field[f];
        if (text.len > SCHEME_TEXT)
            return s_refuse(self, f, "is longer than %d bytes", SCHEME_TEXT);
        for (size_t i = 0; i < text.len; i++)
            if (text.data[i] < ' ' || text.data[i] > '~')
                return s_refuse(self, f, "must be printable ASCII");
    }
    return true;
}

static bool s_read_header(const reading_t *self, scheme_t *scheme)
{
    slice_t text = self->texts->field[SCHEME_HEADER];
    slice_t separator = self->texts->field[SCHEME_SEPARATOR];
    scheme->at = AT_HEADER;
    scheme->header = text;
    if (scheme->alg == ALG_EQUAL && s_place(text, &scheme->header) == AT_BODY)
        scheme->at = AT_BODY;
    if (scheme->at == AT_BODY ? !s_is_path(scheme->header) : !s_is_token(text))
        return s_refuse(self, SCHEME_HEADER, "must be a header's name in lower case");
    if (separator.len > 1)
        return s_refuse(self, SCHEME_SEPARATOR, "must be one character");
    scheme->separator = separator.len ? *separator.data : '\0';
    scheme->item = self->texts->field[SCHEME_ITEM];
    return true;
}

/* Adds what TEXT begins with; the bytes it takes, 0: there is no such {word}. */
static size_t s_add_part(slice_t text, scheme_t *scheme)
{
    const char *end =
        *text.data == '{' ? memchr(text.data, '}', text.len) : memchr(text.data, '{', text.len);
    size_t len = !end ? text.len : (size_t)(end - text.data) + (*text.data == '{');
    int kind = PART_LITERAL;
    if (*text.data == '{')
        kind = s_find(slice(text.data, len), s_parts);
    if (kind < 0)
        return 0;
    scheme->part[scheme->parts].kind = (part_kind_t)kind;
    scheme->part[scheme->parts++].literal = slice(text.data, len);
    return len;
}

static bool s_read_signed(const reading_t *self, scheme_t *scheme)
{
    slice_t text = self->texts->field[SCHEME_SIGNED];
    if (scheme->alg == ALG_EQUAL)
        return !text.len || s_refuse(self, SCHEME_SIGNED, "nothing is signed with equal");
    if (!text.len)
        text = slice_of("{body}");
    for (size_t len; text.len; text = slice(text.data + len, text.len - len)) {
        if (scheme->parts == SCHEME_PARTS)
            return s_refuse(self, SCHEME_SIGNED, "has more than %d parts", SCHEME_PARTS);
        len = s_add_part(text, scheme);
        if (!len)
            return s_refuse(self, SCHEME_SIGNED,
                            "what is in { } must be one of body, ts, id, url, method, form");
    }
    if (!scheme_signs(scheme, PART_BODY) && !scheme_signs(scheme, PART_FORM))
        return s_refuse(self, SCHEME_SIGNED,
                        "has neither {body} nor {form}: the body would be anybody's");
    return true;
}

static bool s_read_id(const reading_t *self, scheme_t *scheme)
{
    scheme->id = self->texts->field[SCHEME_ID];
    if (scheme->id.len && !s_is_token(scheme->id))
        return s_refuse(self, SCHEME_ID, "must be a header's name in lower case");
    if (scheme_signs(scheme, PART_ID) && !scheme->id.len)
        return s_refuse(self, SCHEME_ID, "is needed by {id}");
    return true;
}

/* 0 to SCHEME_TOLERANCE_MAX; false: TEXT is no such number. */
static bool s_seconds(slice_t text, uint32_t *seconds)
{
    *seconds = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *seconds = *seconds * 10 + (uint32_t)(text.data[i] - '0');
        if (*seconds > SCHEME_TOLERANCE_MAX)
            return false;
    }
    return text.len > 0;
}

static bool s_read_tolerance(const reading_t *self, scheme_t *scheme)
{
    slice_t text = self->texts->field[SCHEME_TOLERANCE_S];
    scheme->tolerance_s = scheme->ts_at != AT_NOWHERE ? SCHEME_TOLERANCE : 0;
    if (text.len && !s_seconds(text, &scheme->tolerance_s))
        return s_refuse(self, SCHEME_TOLERANCE_S, "must be seconds, 0 to %d", SCHEME_TOLERANCE_MAX);
    if (scheme->tolerance_s && scheme->ts_at == AT_NOWHERE)
        return s_refuse(self, SCHEME_TOLERANCE_S, "needs ts, where the time stands");
    if (scheme->tolerance_s && scheme->ts_at != AT_BODY && !scheme_signs(scheme, PART_TS))
        return s_refuse(
            self, SCHEME_TOLERANCE_S,
            "needs {ts} in signed: who repeats a request may change what is not signed");
    return true;
}

static bool s_read_ts(const reading_t *self, scheme_t *scheme)
{
    slice_t text = self->texts->field[SCHEME_TS];
    scheme->ts_at = s_place(text, &scheme->ts);
    bool named = scheme->ts_at == AT_HEADER ? s_is_token(scheme->ts)
                 : scheme->ts_at == AT_BODY ? s_is_path(scheme->ts)
                                            : scheme->ts_at == AT_ITEM;
    if (text.len && !named)
        return s_refuse(self, SCHEME_TS, "must be header NAME, item BEGINNING or body PATH");
    if (scheme->ts_at == AT_ITEM && !scheme->separator)
        return s_refuse(self, SCHEME_TS, "an item needs a separator");
    if (scheme->ts_at == AT_NOWHERE && scheme_signs(scheme, PART_TS))
        return s_refuse(self, SCHEME_TS, "is needed by {ts}");
    if (scheme->ts_at != AT_NOWHERE && scheme->alg == ALG_EQUAL)
        return s_refuse(self, SCHEME_TS, "there is no time with equal");
    int form = s_one_of(self, SCHEME_TS_FORM, s_ts_forms, TS_SECONDS);
    scheme->ts_form = (scheme_ts_form_t)form;
    return form >= 0;
}

static bool s_read_key(const reading_t *self, scheme_t *scheme)
{
    int usual = scheme->alg == ALG_ED25519      ? KEY_HEX
                : scheme->alg == ALG_ECDSA_P256 ? KEY_BASE64
                                                : KEY_UTF8;
    int encoding = s_one_of(self, SCHEME_ENCODING, s_encodings, ENCODING_HEX);
    int key = s_one_of(self, SCHEME_KEY, s_keys, usual);
    scheme->encoding = (scheme_encoding_t)encoding;
    scheme->key = (scheme_key_t)key;
    return encoding >= 0 && key >= 0;
}

bool scheme_read(const scheme_texts_t *texts, scheme_t *scheme, char *err, size_t err_size)
{
    reading_t self = {texts, err, err_size};
    memset(scheme, 0, sizeof *scheme);
    if (!s_printable(&self))
        return false;
    int alg = s_one_of(&self, SCHEME_ALG, s_algs, -1);
    if (alg < 0)
        return false;
    scheme->alg = (scheme_alg_t)alg;
    return s_read_header(&self, scheme) && s_read_key(&self, scheme) &&
           s_read_signed(&self, scheme) && s_read_id(&self, scheme) && s_read_ts(&self, scheme) &&
           s_read_tolerance(&self, scheme);
}

bool scheme_signs(const scheme_t *self, part_kind_t kind)
{
    for (unsigned i = 0; i < self->parts; i++)
        if (self->part[i].kind == kind)
            return true;
    return false;
}

scheme_field_t scheme_field(slice_t name)
{
    unsigned field = 0;
    while (field < SCHEME_FIELDS && !slice_is(name, scheme_field_names[field]))
        field++;
    return (scheme_field_t)field;
}

size_t scheme_signature_len(const scheme_t *self)
{
    static const size_t lengths[] = {20, 32, 64, 64, 72, 0};
    return lengths[self->alg];
}
