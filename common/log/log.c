#include "common/log/log.h"

#include "common/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 2048, QUOTED = 200, RING = 8 };

static char s_process[32] = "postern";
static log_level_t s_level = LOG_INFO;
static const char *const s_names[] = {"debug", "info", "warn", "error"};

void log_open(const char *process, log_level_t level)
{
    snprintf(s_process, sizeof s_process, "%s", process);
    s_level = level;
}

int log_level_of(const char *name)
{
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
        if (strcmp(name, s_names[level]) == 0)
            return level;
    return -1;
}

__attribute__((format(printf, 3, 0))) static void s_line(log_level_t level, const char *event,
                                                         const char *format, va_list args)
{
    if (level < s_level)
        return;
    int saved = errno;
    char now[CLOCK_TEXT], line[LINE];
    clock_text(clock_wall_ms(), now);
    size_t len = (size_t)snprintf(line, sizeof line, "%s %s[%d] %s event=%s ", now, s_process,
                                  (int)getpid(), s_names[level], event);
    int more = vsnprintf(line + len, sizeof line - len, format, args);
    if (more > 0)
        len += (size_t)more;
    if (len > sizeof line - 1)
        len = sizeof line - 1;
    /* Text that was not quoted still cannot begin a second line. */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    /* One write a line, so that lines of several threads and processes do not mix. There is nowhere
     * to say that it failed. */
    ssize_t written;
    do
        written = write(STDERR_FILENO, line, len);
    while (written < 0 && errno == EINTR);
    errno = saved;
}

#define LOG_VERB(name, level)                                                                      \
    void name(const char *event, const char *format, ...)                                          \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        s_line(level, event, format, args);                                                        \
        va_end(args);                                                                              \
    }
LOG_VERB(log_debug, LOG_DEBUG)
LOG_VERB(log_info, LOG_INFO)
LOG_VERB(log_warn, LOG_WARN)
LOG_VERB(log_error, LOG_ERROR)

void log_fatal(int status, const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s_line(LOG_ERROR, event, format, args);
    va_end(args);
    /* Handlers of exit would wait for threads and sockets that are still in use. */
    _exit(status);
}

const char *log_quote(const char *data, size_t len)
{
    static _Thread_local char ring[RING][QUOTED * 4 + 8];
    static _Thread_local unsigned next;
    static const char digits[] = "0123456789abcdef";
    char *text = ring[next++ % RING];
    char *to = text;
    *to++ = '"';
    for (size_t i = 0; i < len && i < QUOTED; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '"' || c == '\\') {
            *to++ = '\\';
            *to++ = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        } else {
            *to++ = (char)c;
        }
    }
    if (len > QUOTED) {
        memcpy(to, "...", 3);
        to += 3;
    }
    *to++ = '"';
    *to = '\0';
    return text;
}
