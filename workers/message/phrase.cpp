#include "workers/message/phrase.h"

#include "workers/message/json_parser.h"
#include "workers/message/message.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using std::string_view;

struct phrase {
    unsigned char text[256]; /* in lower case */
    size_t len;
    size_t skip[256]; /* by the byte under the phrase's end: how far it may go on (Horspool 1980) */
    json_parser parser{MESSAGE_DEPTH + 1};
};

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

extern "C" phrase_t *phrase_new(slice_t text)
{
    phrase *self = new (std::nothrow) phrase;
    if (!self || text.len == 0 || text.len > sizeof self->text)
        abort();
    self->len = text.len;
    for (size_t &skip : self->skip)
        skip = text.len;
    for (size_t i = 0; i < text.len; i++) {
        self->text[i] = folded(text.data[i]);
        if (i + 1 < text.len)
            self->skip[self->text[i]] = text.len - 1 - i;
    }
    return self;
}

extern "C" void phrase_destroy(phrase_t **self_p)
{
    delete *self_p;
    *self_p = nullptr;
}

static bool stands_at(const phrase *self, const char *at)
{
    size_t i = self->len;
    while (i > 0 && folded(at[i - 1]) == self->text[i - 1])
        i--;
    return i == 0;
}

extern "C" bool phrase_is_in(const phrase_t *self, slice_t text)
{
    for (size_t at = 0; at + self->len <= text.len;) {
        if (stands_at(self, text.data + at))
            return true;
        at += self->skip[folded(text.data[at + self->len - 1])];
    }
    return false;
}

static bool is_in(const phrase *self, string_view text)
{
    return phrase_is_in(self, slice(text.data(), text.size()));
}

/* In a string, or in what an array or an object holds. */
static bool is_within(const phrase *self, element value)
{
    string_view text;
    array items;
    object fields;
    if (!value.get(text))
        return is_in(self, text);
    if (!value.get(items)) {
        for (element item : items)
            if (is_within(self, item))
                return true;
    } else if (!value.get(fields)) {
        for (auto field : fields)
            if (is_in(self, field.key) || is_within(self, field.value))
                return true;
    }
    return false;
}

/* In the field NAME of OF, if that is an object that has it. */
static bool is_in_field(const phrase *self, element of, const char *name)
{
    element value;
    return of.is_object() && !of[name].get(value) && is_within(self, value);
}

static bool is_in_slides(const phrase *self, element value)
{
    array slides;
    if (value.get(slides))
        return false;
    for (element slide : slides)
        if (is_in_field(self, slide, "title") || is_in_field(self, slide, "data"))
            return true;
    return false;
}

extern "C" bool phrase_is_in_message(phrase_t *self, slice_t json)
{
    /* Without escapes the texts stand there as they are. */
    if (!phrase_is_in(self, json) && !memchr(json.data, '\\', json.len))
        return false;
    element root, value;
    if (self->parser.parse(json, &root) || !root.is_object())
        return phrase_is_in(self, json);
    if (is_in_field(self, root, "text"))
        return true;
    if (!root["card"].get(value) && is_in_field(self, value, "title"))
        return true;
    return !root["slides"].get(value) && is_in_slides(self, value);
}
