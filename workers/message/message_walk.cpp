#include "workers/message/message_walk.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <vector>

using simdjson::dom::object;

namespace message_walk
{

namespace
{

size_t append_key(char *text, size_t size, string_view key)
{
    size_t len = 0;
    for (char c : key) {
        if (len + 1 >= size || len >= 40)
            break;
        text[len++] = c > ' ' && c < 0x7f ? c : '?';
    }
    return len;
}

size_t append_path(char *text, size_t size, const path *at)
{
    if (!at || !at->up)
        return 0;
    size_t len = append_path(text, size, at->up);
    if (size - len < 64)
        return len;
    if (at->key.data() == nullptr)
        return len + (size_t)snprintf(text + len, size - len, "[%zu]", at->index);
    if (len > 0)
        text[len++] = '.';
    return len + append_key(text + len, size - len, at->key);
}

/* The name that stands twice, a null view where none does. Few are compared with each other. */
string_view twice_of_few(const object &fields)
{
    for (auto at = fields.begin(); at != fields.end(); ++at)
        for (auto before = fields.begin(); before != at; ++before)
            if (before.key() == at.key())
                return at.key();
    return string_view();
}

string_view twice_of_many(const object &fields)
{
    std::vector<string_view> names;
    for (auto entry : fields)
        names.push_back(entry.key);
    std::sort(names.begin(), names.end());
    auto twice = std::adjacent_find(names.begin(), names.end());
    return twice == names.end() ? string_view() : *twice;
}

} // namespace

bool refuse(walk &self, const path &at, const char *format, ...)
{
    message_verdict_t *verdict = self.verdict;
    verdict->outcome = MESSAGE_INVALID;
    size_t len = append_path(verdict->reason, sizeof verdict->reason - 80, &at);
    verdict->path = static_cast<unsigned>(len);
    if (len > 0)
        verdict->reason[len++] = ' ';
    va_list args;
    va_start(args, format);
    vsnprintf(verdict->reason + len, sizeof verdict->reason - len, format, args);
    va_end(args);
    return false;
}

bool names_stand_once(walk &self, const path &at, const object &fields)
{
    enum { FEW = 16 };
    size_t count = fields.size();
    if (count <= 1)
        return true;
    string_view name = count <= FEW ? twice_of_few(fields) : twice_of_many(fields);
    path where = {&at, name, 0};
    return name.data() == nullptr || refuse(self, where, "stands twice");
}

} // namespace message_walk
