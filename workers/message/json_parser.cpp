#include "workers/message/json_parser.h"

#include "workers/message/json_fault.h"

#include <cstdlib>
#include <cstring>
#include <new>

/* Copies the text to where the parser may read behind its end. */
void json_parser::pad(slice_t text)
{
    if (room < text.len || room == 0) {
        size_t wanted = text.len < 16384 ? 16384 : text.len * 2;
        padded.reset(new (std::nothrow) char[wanted + simdjson::SIMDJSON_PADDING]);
        if (!padded || parser.allocate(wanted, depth) != simdjson::SUCCESS)
            abort();
        room = wanted;
    }
    if (text.len)
        memcpy(padded.get(), text.data, text.len);
    memset(padded.get() + text.len, ' ', simdjson::SIMDJSON_PADDING);
}

simdjson::error_code json_parser::parse(slice_t text, simdjson::dom::element *root)
{
    pad(text);
    auto error = parser.parse(padded.get(), text.len, false).get(*root);
    if (error == simdjson::NUMBER_ERROR && json_shrink_numbers(padded.get(), text.len))
        error = parser.parse(padded.get(), text.len, false).get(*root);
    if (error == simdjson::MEMALLOC)
        abort();
    return error;
}
