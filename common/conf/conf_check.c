#include "common/conf/conf_check.h"

#include "common/base/http_url.h"
#include "common/log/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decimal digits only: strtoull alone would take signs, spaces and 0x. */
static int s_number(const char *value, uint64_t *number)
{
    size_t len = strlen(value);
    if (len == 0 || len > 20 || strspn(value, "0123456789") != len)
        return -1;
    errno = 0;
    *number = strtoull(value, NULL, 10);
    return errno ? -1 : 0;
}

bool conf_word(const char *value, unsigned i, char *text, size_t size)
{
    for (;;) {
        value += strspn(value, " ");
        size_t len = strcspn(value, " ");
        if (len == 0)
            return false;
        if (i-- == 0) {
            snprintf(text, size, "%.*s", (int)len, value);
            return true;
        }
        value += len;
    }
}

/* The port behind the last colon of host:port; 0 when there is none that is valid. */
static unsigned s_port(const char *address)
{
    const char *colon = strrchr(address, ':');
    uint64_t port = 0;
    if (!colon || colon == address || s_number(colon + 1, &port) != 0 || port > 65535)
        return 0;
    return (unsigned)port;
}

/* The address before the last colon, when it is literal: AF_INET, AF_INET6 in brackets, else 0. */
static int s_host(const char *address, struct in6_addr *host)
{
    char text[64];
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    if (len < 2 || len >= sizeof text)
        return 0;
    memcpy(text, address, len);
    text[len] = '\0';
    if (text[0] != '[')
        return inet_pton(AF_INET, text, host) == 1 ? AF_INET : 0;
    if (text[len - 1] != ']')
        return 0;
    text[len - 1] = '\0';
    return inet_pton(AF_INET6, text + 1, host) == 1 ? AF_INET6 : 0;
}

/* A name may stand for anything, so only literal addresses and "localhost" are known to be near. */
bool conf_is_remote(const char *endpoint)
{
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return false;
    const char *address = endpoint + 6, *colon = strrchr(address, ':');
    struct in6_addr host;
    switch (s_host(address, &host)) {
    case AF_INET:
        return host.s6_addr[0] != 127;
    case AF_INET6:
        return !IN6_IS_ADDR_LOOPBACK(&host);
    }
    return !colon || colon - address != 9 || memcmp(address, "localhost", 9) != 0;
}

/* Of a certificate. */
static bool s_is_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len < 64 && *name != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len;
}

/* A relative ipc path would depend on the directory that each process starts in. */
static bool s_is_endpoint(const char *word)
{
    if (strncmp(word, "ipc://", 6) == 0)
        return word[6] != '\0' && word[6] != '@' && word[6] != '*' &&
               (word[6] == '/' || !strchr(word + 6, '/'));
    char address[CONF_TEXT];
    const char *name = strchr(word, '@');
    if (strncmp(word, "tcp://", 6) != 0 || (name && !s_is_name(name + 1)))
        return false;
    snprintf(address, sizeof address, "%.*s", (int)strcspn(word + 6, "@"), word + 6);
    return s_port(address) != 0;
}

static int s_check_address(const char *value, char *err, size_t err_size)
{
    struct in6_addr host;
    if (s_port(value) != 0 && s_host(value, &host) != 0)
        return 0;
    snprintf(err, err_size, "\"%s\" is not an address and port, as 127.0.0.1:8080 or [::1]:8080",
             value);
    return -1;
}

static int s_check_endpoints(const setting_row_t *row, const char *value, char *err,
                             size_t err_size)
{
    char word[CONF_TEXT];
    unsigned count = 0;
    for (; conf_word(value, count, word, sizeof word); count++)
        if (!s_is_endpoint(word)) {
            snprintf(err, err_size,
                     "\"%s\" is not an endpoint: ipc://name, ipc:///path, tcp://host:port or "
                     "tcp://host:port@CERTIFICATE",
                     word);
            return -1;
        }
    if (count < row->min || count > row->max) {
        snprintf(err, err_size, "%u endpoints; it takes %" PRIu64 " to %" PRIu64, count, row->min,
                 row->max);
        return -1;
    }
    return 0;
}

static int s_check_url(const char *value, char *err, size_t err_size)
{
    http_url_t url;
    char reason[256];
    if (!http_url_parse(slice(value, strlen(value)), &url, reason, sizeof reason))
        snprintf(err, err_size, "\"%s\" is not a URL as https://hooks.example.org: %s", value,
                 reason);
    else if (memchr(url.target.data, '?', url.target.len))
        snprintf(err, err_size, "\"%s\" has a query, and paths are to follow it", value);
    else
        return 0;
    return -1;
}

static int s_check_networks(const char *value, char *err, size_t err_size)
{
    networks_t *networks = networks_new(value, err, err_size);
    int rc = networks ? 0 : -1;
    networks_destroy(&networks);
    return rc;
}

static int s_check_uint(const setting_row_t *row, const char *value, char *err, size_t err_size)
{
    uint64_t number;
    if (s_number(value, &number) == 0 && number >= row->min && number <= row->max)
        return 0;
    snprintf(err, err_size, "\"%s\" is not a number from %" PRIu64 " to %" PRIu64, value, row->min,
             row->max);
    return -1;
}

static int s_check_length(const setting_row_t *row, size_t len, char *err, size_t err_size)
{
    if (len >= row->min && len <= row->max)
        return 0;
    snprintf(err, err_size, "is %zu characters long; it takes %" PRIu64 " to %" PRIu64, len,
             row->min, row->max);
    return -1;
}

int conf_check(const setting_row_t *row, const char *value, char *err, size_t err_size)
{
    size_t len = strlen(value);
    if (row == &setting_table[SET_log_level] && log_level_of(value) < 0) {
        snprintf(err, err_size, "\"%s\" is not debug, info, warn or error", value);
        return -1;
    }
    switch (row->type) {
    case SETTING_UINT:
        return s_check_uint(row, value, err, err_size);
    case SETTING_ENDPOINT:
        return s_check_endpoints(row, value, err, err_size);
    case SETTING_ADDRESS:
        if (len == 0 && row->min == 0)
            return 0; /* no listener */
        return s_check_address(value, err, err_size);
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_SECRET:
        return s_check_length(row, len, err, err_size);
    case SETTING_URL:
        return s_check_length(row, len, err, err_size) ? -1 : s_check_url(value, err, err_size);
    case SETTING_NETWORKS:
        return s_check_length(row, len, err, err_size) ? -1
                                                       : s_check_networks(value, err, err_size);
    }
    abort();
}
