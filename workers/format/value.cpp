#include "workers/format/value.h"

#include "workers/message/json_fault.h"
#include "workers/message/json_parser.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

struct document {
    json_parser parser{VALUE_DEPTH};
};

namespace
{

/* Private parts of a C struct: plain words that a C++ object is laid into. */
template <typename kept> void put(uint64_t *place, const kept &what)
{
    static_assert(std::is_trivially_copyable<kept>::value, "is copied as bytes");
    memcpy(place, &what, sizeof what);
}

template <typename kept> kept take(const uint64_t *place)
{
    kept what;
    memcpy((void *)&what, place, sizeof what);
    return what;
}

struct span {
    object::iterator at, end;
};
struct row {
    array::iterator at, end;
};
static_assert(sizeof(element) <= sizeof value_t::node, "fits");
static_assert(sizeof(span) <= sizeof members_t::node, "fits");
static_assert(sizeof(row) <= sizeof members_t::node, "fits");

slice_t slice_from(std::string_view text)
{
    return slice(text.data(), text.size());
}

void set_number(value_t *value, element from)
{
    value->type = VALUE_NUMBER;
    int64_t whole;
    if (from.get(whole) == simdjson::SUCCESS) {
        value->is_whole = true;
        value->whole = whole;
        value->number = (double)whole;
    } else {
        value->number = from.get_double().value();
    }
}

value_t value_from(element from)
{
    value_t value = {};
    switch (from.type()) {
    case element_type::NULL_VALUE:
        value.type = VALUE_NULL;
        break;
    case element_type::BOOL:
        value.type = VALUE_BOOL;
        value.text = slice_of(from.get_bool().value() ? "true" : "false");
        break;
    case element_type::STRING:
        value.type = VALUE_TEXT;
        value.text = slice_from(from.get_string().value());
        break;
    case element_type::ARRAY:
    case element_type::OBJECT:
        value.type = from.is_array() ? VALUE_ARRAY : VALUE_OBJECT;
        put(value.node, from);
        break;
    default:
        set_number(&value, from);
    }
    return value;
}

const char *reason_of(simdjson::error_code error)
{
    switch (error) {
    case simdjson::EMPTY:
        return "The body is empty.";
    case simdjson::DEPTH_ERROR:
        return "The body is JSON of more than 128 levels.";
    default:
        return "The body is not valid JSON.";
    }
}

} // namespace

extern "C" document_t *document_new(void)
{
    document *self = new (std::nothrow) document;
    if (!self)
        abort();
    return self;
}

extern "C" void document_destroy(document_t **self_p)
{
    delete *self_p;
    *self_p = nullptr;
}

extern "C" int document_parse(document_t *self, slice_t text, value_t *root, char *reason,
                              size_t size)
{
    element from;
    auto error = self->parser.parse(text, &from);
    if (!error) {
        *root = value_from(from);
        return 0;
    }
    if (!json_fault(text, reason, size))
        snprintf(reason, size, "%s", reason_of(error));
    return -1;
}

extern "C" members_t value_members(const value_t *value)
{
    members_t members = {{0}, value->type};
    if (value->type == VALUE_OBJECT) {
        object of = take<element>(value->node).get_object().value();
        put(members.node, span{of.begin(), of.end()});
    } else if (value->type == VALUE_ARRAY) {
        array of = take<element>(value->node).get_array().value();
        put(members.node, row{of.begin(), of.end()});
    }
    return members;
}

extern "C" bool members_next(members_t *self, slice_t *key, value_t *member)
{
    *key = slice("", 0);
    if (self->type == VALUE_OBJECT) {
        span left = take<span>(self->node);
        if (!(left.at != left.end))
            return false;
        *key = slice_from(left.at.key());
        *member = value_from(left.at.value());
        ++left.at;
        put(self->node, left);
        return true;
    }
    if (self->type != VALUE_ARRAY)
        return false;
    row left = take<row>(self->node);
    if (!(left.at != left.end))
        return false;
    *member = value_from(*left.at);
    ++left.at;
    put(self->node, left);
    return true;
}

extern "C" value_t value_find(const value_t *value, slice_t name, size_t most, size_t *looks)
{
    value_t missing = {};
    *looks = 0;
    if (value->type != VALUE_OBJECT)
        return missing;
    const std::string_view wanted(name.data ? name.data : "", name.len);
    object of = take<element>(value->node).get_object().value();
    for (auto at = of.begin(); at != of.end() && *looks < most; ++at) {
        ++*looks;
        if (at.key_equals(wanted))
            return value_from(at.value());
    }
    return missing;
}

extern "C" size_t value_count(const value_t *value)
{
    if (value->type == VALUE_ARRAY)
        return take<element>(value->node).get_array().value().size();
    if (value->type == VALUE_OBJECT)
        return take<element>(value->node).get_object().value().size();
    return 0;
}
