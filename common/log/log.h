/* The log: one line an event to stderr,
 *
 *   2026-01-02T03:04:05.678Z postern-authd[123] warn event=link.malformed peer=gateway-0.1 err="…"
 *
 * The event is a dotted constant for grep; what follows are key=value pairs. LOG_Q quotes and
 * escapes values (control characters, quotes, bytes outside ASCII), so that a sender cannot
 * forge a line. Never pass a credential. Threading: any thread; a line is one write(2). */
#ifndef POSTERN_LOG_H
#define POSTERN_LOG_H

#include <stddef.h>
#include <stdint.h>

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } log_level_t;

/* Names the process in each line; copies the name. Until called, the name is "postern", INFO. */
void log_open(const char *process, log_level_t level);

/* "debug", "info", "warn", "error" → level; -1 for anything else. */
int log_level_of(const char *name);

/* log_info ("journal.open", "path=%s rows=%zu", path, n). The format makes the pairs; use LOG_Q for
 * text that a peer or a file could choose: log_info ("x", "name=%s", LOG_Q (text)). */
void log_debug(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_error(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Logs at error level and ends the process without atexit handlers: 78 (EX_CONFIG) for what an
 * operator must change, 1 otherwise. */
enum { EXIT_CONFIG = 78, EXIT_FAULT = 1 };
void log_fatal(int status, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));

/* Quoted and escaped copy of text in a per-thread ring of 8 buffers; cut at 200 characters. */
const char *log_quote(const char *data, size_t len);
#define LOG_Q(text) log_quote((text), strlen(text))

#endif
