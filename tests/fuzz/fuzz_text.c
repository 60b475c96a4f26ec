/* libFuzzer target: texts that strangers write, each read by the class that reads it. The first
 * byte says which, the rest is the text. What a class accepts must hold what its header promises.
 */
#include "authd/directory/terms.h"
#include "common/base/http_url.h"
#include "common/base/percent.h"
#include "common/base/url.h"
#include "common/base/utf8.h"
#include "gateway/http/proxy_line.h"
#include "gateway/read/blank.h"
#include "gateway/read/client_address.h"
#include "gateway/read/cookie.h"
#include "gateway/read/headers.h"
#include "gateway/read/presented.h"
#include "gateway/read/query.h"
#include "gateway/read/routes.h"
#include "texts.h"
#include "workers/post/fingerprint.h"
#include "workers/post/form.h"
#include "workers/post/history.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARAMETERS = 50 };

static void s_require(bool holds)
{
    if (!holds)
        abort();
}

static void s_check_pairs(slice_t pairs)
{
    slice_t name, value;
    unsigned count = 0;
    for (wire_pairs_t each = wire_pairs_begin(pairs); wire_pairs_next(&each, &name, &value);) {
        s_require(utf8_valid(name) && utf8_valid(value) && ++count <= PARAMETERS);
        s_require(!memchr(name.data, 0, name.len) && !memchr(value.data, 0, value.len));
        s_require(utf8_count(name) <= QUERY_VALUE && utf8_count(value) <= QUERY_VALUE);
    }
}

/* What is good is the same for an event; and in an event nothing but a limit, or a credential, is
 * bad. */
static void s_query(slice_t text)
{
    static query_t *strict, *event;
    const char *detail = NULL;
    if (!strict) {
        strict = query_new();
        event = query_new();
    }
    error_code_t code = query_parse(strict, text, QUERY_STRICT, PARAMETERS, &detail);
    s_require(!code || detail);
    error_code_t kept = query_parse(event, text, QUERY_EVENT, PARAMETERS, &detail);
    if (!kept)
        s_check_pairs(wire_pairs_of(&event->params));
    s_require(code ||
              (!kept && slice_eq(wire_pairs_of(&strict->params), wire_pairs_of(&event->params))));
    query_wipe(strict);
    query_wipe(event);
}

static void s_form(slice_t text)
{
    static json_out_t out;
    form_outcome_t outcome = form_read(text, &out);
    s_require(outcome == FORM_OK ? out.len <= 12 * text.len + 64 : form_reason(outcome) != NULL);
}

static void s_cookie(slice_t text)
{
    static const char *const urls[] = {"https://admin.example.org", "http://127.0.0.1:8081", NULL};
    for (int tls = 0; tls < 2; tls++) {
        slice_t session = cookie_find(text, tls);
        char line[COOKIE_LINE];
        s_require(session.len == 0 ||
                  (cookie_is_plain(session) && cookie_set(session, tls, 1, line)));
    }
    s_require(!cookie_origin_is_ours(text, OP_POST, urls) || text.len > 0);
}

static void s_proxy_line(slice_t text)
{
    address_t client, again;
    char written[ADDRESS_TEXT];
    const char *reason = NULL;
    proxy_line_result_t result = proxy_line_parse(text, &client, &reason);
    s_require(result != PROXY_LINE_MORE && (result != PROXY_LINE_BAD || reason));
    if (result != PROXY_LINE_CLIENT)
        return;
    size_t len = address_text(&client, written);
    s_require(address_parse(slice(written, len), &again) &&
              memcmp(&again, &client, sizeof client) == 0);
}

static void s_url(slice_t text)
{
    char err[512] = "", again[HTTP_URL_MAX + 300];
    http_url_t url, copy;
    if (!http_url_parse(text, &url, err, sizeof err)) {
        s_require(*err);
        return;
    }
    bool six = strchr(url.host, ':');
    int len = snprintf(again, sizeof again, "http%s://%s%s%s:%u%.*s", url.tls ? "s" : "",
                       six ? "[" : "", url.host, six ? "]" : "", url.port, SLICE_ARG(url.target));
    if (len > HTTP_URL_MAX)
        return;
    s_require(http_url_parse(slice(again, (size_t)len), &copy, err, sizeof err));
    s_require(copy.tls == url.tls && copy.port == url.port && strcmp(copy.host, url.host) == 0 &&
              slice_eq(copy.target, url.target));
}

static void s_terms(slice_t text)
{
    pack_t once = {0}, twice = {0};
    terms_t terms = terms_read(text);
    uuid_t7 id;
    network_t network;
    terms_write(&terms, &once);
    terms_t again = terms_read(slice(once.data, once.len));
    terms_write(&again, &twice);
    s_require(slice_eq(slice(once.data, once.len), slice(twice.data, twice.len)));
    terms_allow_address(&terms, slice_of("192.0.2.1"));
    terms_allow_address(&terms, text);
    for (size_t i = 0; terms_target(&terms, TERMS_BOTS, i, &id); i++)
        s_require(!terms.listed || terms_cover(&terms, TERMS_BOTS, &id));
    for (size_t i = 0; terms_network(&terms, i, &network); i++)
        s_require(network.bits <= 128);
    pack_free(&once);
    pack_free(&twice);
}

static void s_headers(slice_t text)
{
    presented_t shown = {0};
    slice_t rest = slice("", 0);
    header_travels(text);
    header_is_key(text);
    header_is_listed(text, slice_of("x-hop"));
    if (header_bearer(text, &rest))
        presented_add(&shown, rest);
    if (header_basic(text, &rest))
        presented_add_basic(&shown, rest);
    s_require(shown.len <= sizeof shown.text && (shown.len == 0 || shown.present));
    presented_wipe(&shown);
}

static void s_forwarded(slice_t text)
{
    static networks_t *trusted;
    char err[128];
    if (!trusted)
        trusted = networks_new("10.0.0.0/8 2001:db8::/32", err, sizeof err);
    address_t peer, client;
    address_parse(slice_of("10.0.0.1"), &peer);
    size_t half = text.len / 2;
    slice_t lines[] = {slice(text.data, half), slice(text.data + half, text.len - half)};
    client_address(trusted, &peer, lines, 2, &client);
}

static void s_path(slice_t text)
{
    static routes_t *routes[2];
    for (int i = 0; i < 2; i++) {
        if (!routes[i])
            routes[i] = routes_new(i ? ROUTES_ADMIN : ROUTES_PUBLIC);
        route_t route;
        route_result_t result = routes_find(routes[i], slice_of("GET"), text, &route);
        s_require(result != ROUTE_FOUND || (route.op && op_takes(route.op) & OP_GET));
        s_require(route.target_len <= sizeof route.target &&
                  utf8_valid(slice(route.target, route.target_len)));
    }
}

/* The first half is what the second is searched for. */
static void s_blank(slice_t text)
{
    size_t len = text.len / 2 < WIRE_TEXT ? text.len / 2 : WIRE_TEXT;
    slice_t secret = slice(text.data, len);
    char *rest = malloc(text.len - len + 1);
    memcpy(rest, text.data + len, text.len - len);
    blank(slice(rest, text.len - len), secret);
    s_require(len < BLANK_LEAST || memchr(secret.data, '*', len) ||
              !memmem(rest, text.len - len, secret.data, len));
    free(rest);
}

static void s_pairs(slice_t text)
{
    static json_out_t out;
    uint8_t hash[JOURNAL_HASH], as_came[JOURNAL_HASH];
    json_reset(&out);
    history_pairs(&out, text, true);
    history_pairs(&out, text, false);
    s_require(utf8_valid(slice(out.data, out.len)));
    fingerprint(text, slice("", 0), hash, as_came);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(slice_t) = {s_query, s_form,  s_cookie,  s_proxy_line,
                                               s_url,   s_terms, s_headers, s_forwarded,
                                               s_path,  s_blank, s_pairs};
    enum { READERS = sizeof readers / sizeof *readers };
    texts_read(readers, READERS, data, size);
    return 0;
}
