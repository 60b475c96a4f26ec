#include "gateway/http/own_sprintf.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int own_sprintf(char *to, int flag, size_t room, const char *format, ...) __asm__("__sprintf_chk")
    __attribute__((format(printf, 4, 5)));

void own_sprintf_keep(void)
{
}

typedef struct {
    char *at;
    size_t room; /* from there on; SIZE_MAX and less: nothing is known of the object */
} text_t;

/* As glibc's own does where the text is longer than the object that it goes into. */
static void s_put(text_t *self, const char *from, size_t len)
{
    if (self->room <= len)
        abort();
    memcpy(self->at, from, len);
    self->at += len;
    self->room -= len;
}

static void s_put_text(text_t *self, const char *text)
{
    text = text ? text : "(null)";
    s_put(self, text, strlen(text));
}

static void s_put_number(text_t *self, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    s_put(self, digits + at, sizeof digits - at);
}

static void s_put_int(text_t *self, int value)
{
    if (value < 0)
        s_put(self, "-", 1);
    s_put_number(self, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* -1: it has another conversion. */
static int s_write(char *to, size_t room, const char *format, va_list values)
{
    text_t text = {to, room};
    for (const char *next;; format = next + (next[1] == 'z' ? 3 : 2)) {
        next = strchrnul(format, '%');
        s_put(&text, format, (size_t)(next - format));
        if (!*next)
            break;
        if (next[1] == 's')
            s_put_text(&text, va_arg(values, const char *));
        else if (next[1] == 'd')
            s_put_int(&text, va_arg(values, int));
        else if (next[1] == 'z' && next[2] == 'u')
            s_put_number(&text, va_arg(values, size_t));
        else
            return -1;
    }
    *text.at = '\0';
    return (int)(text.at - to);
}

int own_sprintf(char *to, int flag, size_t room, const char *format, ...)
{
    va_list values;
    (void)flag;
    va_start(values, format);
    int len = s_write(to, room, format, values);
    va_end(values);
    if (len >= 0)
        return len;
    va_start(values, format);
    len = vsnprintf(to, room, format, values);
    va_end(values);
    if (len >= 0 && (size_t)len >= room)
        abort();
    return len;
}
