/* What the tests of request_read stand on: a connection of libh2o as far as the reader looks at
 * one, and two readers, of the public and of the admin listener. */
#ifndef POSTERN_TESTS_READING_H
#define POSTERN_TESTS_READING_H

#include "gateway/read/headers.h"
#include "gateway/read/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN "1001.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef"
#define OTHER "1002.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef"
#define PATH "/api/v2/channelsbyname/ops/message"
#define EVENT "/api/v2/bots/ops/incoming"

static routes_t *s_routes;
static networks_t *s_trusted;
static request_reader_t *s_reader, *s_admin, *s_public;

/* A connection of libh2o as far as the reader looks at one. */
static h2o_conn_t s_conn;
static h2o_req_t s_req;
static bool s_open;

static inline void s_end(void)
{
    if (s_open)
        h2o_mem_clear_pool(&s_req.pool);
    s_open = false;
}

/* Reads a request; HEADERS are names and values, ended by NULL. */
static inline error_code_t s_read(request_t *out, const char *method, const char *url,
                                  const char *const *headers)
{
    request_peer_t peer = {.text = slice_of("10.0.0.1"), .trusted = true, .head_len = 28};
    address_parse(peer.text, &peer.address);
    s_end();
    h2o_init_request(&s_req, &s_conn, NULL);
    s_open = true;
    s_req.method = s_req.input.method = (h2o_iovec_t){(char *)method, strlen(method)};
    s_req.path = s_req.input.path = (h2o_iovec_t){(char *)url, strlen(url)};
    for (; headers && *headers; headers += 2)
        h2o_add_header_by_str(&s_req.pool, &s_req.headers, headers[0], strlen(headers[0]), 1, NULL,
                              headers[1], strlen(headers[1]));
    return request_read(s_reader, &s_req, &peer, out);
}

static inline error_code_t s_get(request_t *out, const char *url)
{
    return s_read(out, "POST", url, NULL);
}

static inline void s_assert_pair(slice_t pairs, const char *name, const char *value)
{
    slice_t found;
    assert_true(wire_pairs_find(pairs, name, &found));
    assert_true(slice_is(found, value));
}

static inline unsigned s_count(slice_t pairs)
{
    slice_t name, value;
    unsigned n = 0;
    for (wire_pairs_t each = wire_pairs_begin(pairs); wire_pairs_next(&each, &name, &value);)
        n++;
    return n;
}

/* As it would be read by the admin listener. */
static inline error_code_t s_ask(request_t *out, const char *method, const char *path,
                                 const char *const *headers)
{
    s_reader = s_admin;
    error_code_t code = s_read(out, method, path, headers);
    s_reader = s_public;
    return code;
}

static routes_t *s_admin_routes;

static inline void reading_begin(void)
{
    static const request_limits_t limits = {
        .body_bytes = 1024, .head_bytes = 8192, .headers = 64, .parameters = 50};
    char err[200];
    s_routes = routes_new(ROUTES_PUBLIC);
    s_trusted = networks_new("10.0.0.0/8", err, sizeof err);
    s_reader = s_public = request_reader_new(&limits, s_routes, s_trusted);
    request_limits_t admin_limits = limits;
    admin_limits.admin_url = "https://admin.example.org/";
    s_admin_routes = routes_new(ROUTES_ADMIN);
    s_admin = request_reader_new(&admin_limits, s_admin_routes, s_trusted);
}

static inline void reading_end(void)
{
    s_end();
    request_reader_destroy(&s_public);
    request_reader_destroy(&s_admin);
    routes_destroy(&s_admin_routes);
    networks_destroy(&s_trusted);
    routes_destroy(&s_routes);
}

#endif
