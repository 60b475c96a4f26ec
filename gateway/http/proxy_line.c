#include "gateway/http/proxy_line.h"

#include <arpa/inet.h>
#include <errno.h>

static const char s_prefix[] = "PROXY ";
static const char s_missing[] = "it does not begin with a PROXY line of version 1";
static const char s_malformed[] = "its PROXY line is malformed";

/* Cuts a word and the one space behind it off; empty when there is none. */
static slice_t s_word(slice_t *line)
{
    const char *space = memchr(line->data, ' ', line->len);
    slice_t word = slice(line->data, space ? (size_t)(space - line->data) : line->len);
    size_t taken = word.len + (space ? 1 : 0);
    *line = slice(line->data + taken, line->len - taken);
    return word;
}

/* inet_pton alone: no brackets, no port, no name. */
static bool s_address(slice_t word, int family, address_t *address)
{
    char text[ADDRESS_TEXT];
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (word.len == 0 || word.len >= sizeof text)
        return false;
    memcpy(text, word.data, word.len);
    text[word.len] = '\0';
    if (family == AF_INET)
        return inet_pton(AF_INET, text, &v4.sin_addr) == 1 &&
               address_of((struct sockaddr *)&v4, address);
    return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 &&
           address_of((struct sockaddr *)&v6, address);
}

static bool s_port(slice_t word)
{
    unsigned port = 0;
    if (word.len == 0 || word.len > 5 || (word.len > 1 && *word.data == '0'))
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] < '0' || word.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(word.data[i] - '0');
    }
    return port <= 65535;
}

proxy_line_result_t proxy_line_parse(slice_t line, address_t *client, const char **reason)
{
    const size_t prefix = sizeof s_prefix - 1;
    address_t local;
    *reason = s_missing;
    if (line.len < prefix || memcmp(line.data, s_prefix, prefix) != 0)
        return PROXY_LINE_BAD;
    *reason = s_malformed;
    line = slice(line.data + prefix, line.len - prefix);
    slice_t family = s_word(&line);
    if (slice_is(family, "UNKNOWN")) /* what follows is to be ignored */
        return PROXY_LINE_UNKNOWN;
    int af = slice_is(family, "TCP4") ? AF_INET : slice_is(family, "TCP6") ? AF_INET6 : 0;
    if (!af || !s_address(s_word(&line), af, client) || !s_address(s_word(&line), af, &local) ||
        !s_port(s_word(&line)))
        return PROXY_LINE_BAD;
    return s_port(line) ? PROXY_LINE_CLIENT : PROXY_LINE_BAD;
}

/* Whether what has come can still become a line; so that one who sends HTTP need not wait. */
static bool s_may_become(const proxy_line_t *self)
{
    size_t len = self->len < sizeof s_prefix - 1 ? self->len : sizeof s_prefix - 1;
    return memcmp(self->text, s_prefix, len) == 0;
}

/* Looks first, and takes no more than up to the end of the line. */
static ssize_t s_take(proxy_line_t *self, int fd)
{
    char *to = self->text + self->len;
    ssize_t seen = recv(fd, to, PROXY_LINE_MOST - self->len, MSG_PEEK);
    if (seen <= 0)
        return seen;
    const char *end = memchr(to, '\n', (size_t)seen);
    return recv(fd, to, end ? (size_t)(end - to) + 1 : (size_t)seen, 0);
}

proxy_line_result_t proxy_line_read(proxy_line_t *self, int fd, address_t *client,
                                    const char **reason)
{
    ssize_t got = s_take(self, fd);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return PROXY_LINE_MORE;
    *reason = "it ended before its PROXY line";
    if (got <= 0)
        return PROXY_LINE_BAD;
    self->len += (size_t)got;
    *reason = s_missing;
    if (!s_may_become(self))
        return PROXY_LINE_BAD;
    *reason = s_malformed;
    if (self->text[self->len - 1] != '\n')
        return self->len == PROXY_LINE_MOST ? PROXY_LINE_BAD : PROXY_LINE_MORE;
    if (self->len < 2 || self->text[self->len - 2] != '\r')
        return PROXY_LINE_BAD;
    return proxy_line_parse(slice(self->text, self->len - 2), client, reason);
}
