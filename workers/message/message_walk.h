/* The walk through a message object: the path to the field at hand, what was found so far, and the
 * refusal. Only message*.cpp include it.
 *
 * Threading: as message.h. */
#ifndef POSTERN_WORKERS_MESSAGE_MESSAGE_WALK_H
#define POSTERN_WORKERS_MESSAGE_MESSAGE_WALK_H

#include "workers/message/message.h"

#include <simdjson.h>
#include <string_view>

namespace message_walk
{

using std::string_view;

/* The path to a value of the document: a list on the stack, made text only for an error. */
struct path {
    const path *up;
    string_view key; /* of an object's field, or */
    size_t index;    /* an array's item, when the key is empty */
};

/* One walk through a message. */
struct walk {
    message_verdict_t *verdict;
    unsigned given; /* GIVEN_ bits of the top-level fields that count as set */
};

/* Writes "PATH REASON" as the verdict; always false. */
__attribute__((format(printf, 3, 4))) bool refuse(walk &self, const path &at, const char *format,
                                                  ...);

/* Whether no name stands in FIELDS, the object at AT, twice; else the message is refused. */
bool names_stand_once(walk &self, const path &at, const simdjson::dom::object &fields);

} // namespace message_walk

#endif
