#include "common/source/body_field.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <simdjson.h>
#include <string_view>

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using std::string_view;

namespace
{

enum { NESTING = 128, NUMBER = 24 };

struct finding {
    body_field_fn *each;
    void *arg;
};

void give(const finding &self, element value)
{
    string_view text;
    int64_t number;
    char digits[NUMBER];
    if (value.get(text) == simdjson::SUCCESS)
        self.each(self.arg, slice(text.data() ? text.data() : "", text.size()));
    else if (value.get(number) == simdjson::SUCCESS)
        self.each(self.arg, slice(digits, (size_t)snprintf(digits, sizeof digits, "%lld",
                                                           (long long)number)));
    else
        self.each(self.arg, slice(nullptr, 0));
}

void walk(const finding &self, element value, string_view path);

/* NAME is of one step, with "[]" behind it or not. */
void step(const finding &self, element value, string_view name, string_view rest)
{
    bool is_list = name.size() >= 2 && name.substr(name.size() - 2) == "[]";
    object fields;
    array items;
    element inner = value;
    if (is_list)
        name.remove_suffix(2);
    if (!name.empty() &&
        (value.get(fields) != simdjson::SUCCESS || fields[name].get(inner) != simdjson::SUCCESS))
        return self.each(self.arg, slice(nullptr, 0));
    if (!is_list)
        return walk(self, inner, rest);
    if (inner.get(items) != simdjson::SUCCESS)
        return self.each(self.arg, slice(nullptr, 0));
    for (element item : items)
        walk(self, item, rest);
}

void walk(const finding &self, element value, string_view path)
{
    if (path.empty())
        return give(self, value);
    size_t point = path.find('.');
    step(self, value, path.substr(0, point),
         point == string_view::npos ? string_view() : path.substr(point + 1));
}

struct copying {
    char *out;
    size_t size, len;
    unsigned count;
};

void copy(void *arg, slice_t value)
{
    copying *self = static_cast<copying *>(arg);
    if (self->count++ == 0 && value.len <= self->size) {
        self->len = value.len;
        if (value.len)
            memcpy(self->out, value.data, value.len);
    }
}

} // namespace

bool body_field_each(slice_t body, slice_t path, body_field_fn *each, void *arg)
{
    simdjson::dom::parser parser;
    std::unique_ptr<char[]> padded(new (std::nothrow) char[body.len + simdjson::SIMDJSON_PADDING]);
    element root;
    if (!padded || parser.allocate(body.len, NESTING) != simdjson::SUCCESS)
        abort();
    if (body.len)
        memcpy(padded.get(), body.data, body.len);
    memset(padded.get() + body.len, ' ', simdjson::SIMDJSON_PADDING);
    if (parser.parse(padded.get(), body.len, false).get(root) != simdjson::SUCCESS)
        return false;
    walk(finding{each, arg}, root, string_view(path.data, path.len));
    return true;
}

bool body_field_copy(slice_t body, const char *path, char *out, size_t size, size_t *len)
{
    copying self{out, size, 0, 0};
    bool found = body_field_each(body, slice_of(path), copy, &self) && self.count == 1 && self.len;
    *len = found ? self.len : 0;
    return found;
}
