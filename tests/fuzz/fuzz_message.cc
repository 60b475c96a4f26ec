/* The message validator takes any bytes: it gives a verdict, says why when it refuses, and says the
 * same a second time. */
#include "workers/message/message.h"

#include <cstdint>
#include <cstdlib>

static void s_require(bool holds)
{
    if (!holds)
        abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static message_t *message = message_new();
    message_verdict_t first, second;
    slice_t body = slice(data, size);
    message_check(message, body, &first);
    message_check(message, body, &second);
    s_require(first.outcome == second.outcome && first.flags == second.flags);
    s_require(strcmp(first.reason, second.reason) == 0);
    s_require((first.outcome == MESSAGE_OK) == (first.reason[0] == '\0'));
    s_require(strlen(first.reason) < MESSAGE_REASON);
    return 0;
}
