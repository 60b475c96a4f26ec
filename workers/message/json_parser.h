/* simdjson's parser with the memory that it needs, for message.cpp and the values of formats.
 *
 * Threading: an object belongs to one thread at a time. Running out of memory aborts. */
#ifndef POSTERN_WORKERS_MESSAGE_JSON_PARSER_H
#define POSTERN_WORKERS_MESSAGE_JSON_PARSER_H

#include "common/base/slice.h"

#include <memory>
#include <simdjson.h>

class json_parser
{
    simdjson::dom::parser parser;
    std::unique_ptr<char[]> padded; /* the text and SIMDJSON_PADDING bytes behind it */
    size_t room = 0;
    size_t depth;

    void pad(slice_t text);

  public:
    /* MOST: the deepest nesting. */
    explicit json_parser(size_t most) : depth(most)
    {
    }
    /* Parses TEXT, which is copied. ROOT is valid until the next call. The parser holds no number
     * that is past 64 bits or a double; such a number counts as 0. */
    simdjson::error_code parse(slice_t text, simdjson::dom::element *root);
};

#endif
