#include "gateway/read/request.h"

#include "common/base/header_class.h"
#include "common/base/secret.h"
#include "common/base/utf8.h"
#include "gateway/read/blank.h"
#include "gateway/read/cookie.h"
#include "gateway/read/headers.h"
#include "gateway/read/query.h"

#include <stdio.h>
#include <stdlib.h>

enum { FORWARDED_LINES = 16 };

struct request_reader {
    request_limits_t limits;
    const routes_t *routes;
    const networks_t *trusted;
    cookie_use_t cookie; /* NONE: not the admin listener */
    query_t *query;
    presented_t shown; /* the token in the headers of the request at hand */
    pack_t headers;    /* and those that travel */
    pack_t secrets;    /* and those for authd alone */
    pack_t latin;      /* a header value in UTF-8 */
};

/* What the headers of one request told. */
typedef struct {
    slice_t format, message, number; /* of the path; or empty */
    slice_t url;                     /* path and query, where they are signed; or empty */
    slice_t key;                     /* Idempotency-Key */
    slice_t session;                 /* of the cookie; empty: none, or more than one */
    slice_t origin, csrf;
    unsigned cookies; /* headers */
    slice_t forwarded[FORWARDED_LINES];
    size_t lines; /* there were; only FORWARDED_LINES are kept */
    const h2o_headers_t *all;
    unsigned connections; /* headers of this name */
    bool event;
    bool managed; /* authd answers it */
    bool key_conflict;
    bool malformed; /* Basic credentials that are none */
} found_t;

request_reader_t *request_reader_new(const request_limits_t *limits, const routes_t *routes,
                                     const networks_t *trusted)
{
    request_reader_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->limits = *limits;
    if (limits->admin_url)
        self->cookie = cookie_use(limits->admin_url);
    self->routes = routes;
    self->trusted = trusted;
    self->query = query_new();
    return self;
}

void request_reader_destroy(request_reader_t **self_p)
{
    if (*self_p) {
        query_destroy(&(*self_p)->query);
        presented_wipe(&(*self_p)->shown);
        pack_free(&(*self_p)->headers);
        pack_wipe(&(*self_p)->secrets);
        pack_free(&(*self_p)->latin);
        free(*self_p);
        *self_p = NULL;
    }
}

static error_code_t s_refuse(request_t *out, error_code_t error, const char *detail)
{
    out->error = error;
    out->detail = detail;
    return error;
}

const char *request_detail(const request_t *self)
{
    static _Thread_local char text[192];
    if (self->error != ERROR_body_too_large || !self->most)
        return self->detail;
    snprintf(
        text, sizeof text,
        "The body is larger than the %zu bytes that this gateway takes here "
        "(gateway.body_bytes, gateway.incoming_body_bytes): send less, or where it can be read.",
        self->most);
    return text;
}

static slice_t s_keep(h2o_req_t *req, const void *data, size_t len)
{
    if (len == 0)
        return slice("", 0);
    char *kept = h2o_mem_alloc_pool(&req->pool, len);
    memcpy(kept, data, len);
    return slice(kept, len);
}

/* The path of "http://host/path", which RFC 9112 §3.2.2 allows in a request line; the path itself
 * in all other cases. */
static slice_t s_origin_form(slice_t path)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; path.len && *path.data != '/' && i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (path.len <= len || strncasecmp(path.data, schemes[i], len) != 0)
            continue;
        const char *slash = memchr(path.data + len, '/', path.len - len);
        if (slash)
            return slice(slash, path.len - (size_t)(slash - path.data));
    }
    return path;
}

/* CloudEvents, HTTP 1.1 Web Hooks for Event Delivery, §4.1: OPTIONS of an endpoint of events. It
 * needs no token, and tells nothing of one. */
static bool s_is_handshake(const request_reader_t *self, const h2o_req_t *req, slice_t path)
{
    route_t route;
    bool asks = false;
    if (self->limits.admin_url || !slice_is(slice(req->method.base, req->method.len), "OPTIONS") ||
        routes_find(self->routes, slice_of("POST"), path, &route) != ROUTE_FOUND ||
        !op_is_event(route.op))
        return false;
    for (size_t i = 0; !asks && i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        asks = slice_is(slice(header->name->base, header->name->len), "webhook-request-origin") &&
               header->value.len > 0;
    }
    return asks;
}

static error_code_t s_route(request_reader_t *self, h2o_req_t *req, slice_t path, found_t *found,
                            request_t *out)
{
    route_t route;
    slice_t method = slice(req->method.base, req->method.len);
    out->page = self->limits.admin_url ? pages_find(path) : NULL;
    if (out->page) {
        out->allow = OP_GET | OP_HEAD;
        return op_method_of(method.data, method.len) & out->allow
                   ? ERROR_none
                   : s_refuse(out, ERROR_method_not_allowed, NULL);
    }
    switch (routes_find(self->routes, method, path, &route)) {
    case ROUTE_FOUND:
        break;
    case ROUTE_NOT_FOUND:
        return s_refuse(out, ERROR_not_found,
                        self->limits.admin_url ? "There is no such endpoint. See docs/openapi.yaml."
                        : slice_is(path, "/")
                            ? "This is a Postern gateway. Post to "
                              "/api/v2/channelsbyname/{name}/message?zapikey={token}; see docs/API."
                            : "There is no such endpoint here. See docs/API. Management and what "
                              "the console shows, as /health, are at the admin listener.");
    case ROUTE_FORMAT:
        return s_refuse(out, ERROR_unknown_format, NULL);
    case ROUTE_MESSAGE:
        return s_refuse(out, ERROR_unknown_message, NULL);
    case ROUTE_METHOD:
        out->allow = route.allow;
        out->handshake = s_is_handshake(self, req, path);
        if (out->handshake)
            return ERROR_none;
        return s_refuse(out, ERROR_method_not_allowed, NULL);
    case ROUTE_MALFORMED:
        return s_refuse(out, ERROR_invalid_request,
                        "The target in the path is not valid percent-encoded UTF-8.");
    }
    found->format = route.format;
    found->message = route.message;
    found->number = route.number;
    out->op = route.op;
    out->entry.op = route.op->number;
    out->entry.method = route.method;
    if (route.op->number == OP_stream_shared) {
        presented_add(&self->shown, slice(route.target, route.target_len));
        secret_wipe(route.target, route.target_len);
        out->entry.target = slice_of("streams");
        return ERROR_none;
    }
    out->entry.target = s_keep(req, route.target, route.target_len);
    return ERROR_none;
}

/* HTTP's old character set is Latin-1; an entry carries UTF-8. */
static slice_t s_utf8(request_reader_t *self, slice_t value)
{
    if (utf8_valid(value))
        return value;
    pack_reset(&self->latin);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        char wide[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
        pack_raw(&self->latin, c < 0x80 ? slice(value.data + i, 1) : slice(wide, 2));
    }
    return slice(self->latin.data, self->latin.len);
}

/* Whether the header is one that brings the token. */
static bool s_credential(request_reader_t *self, slice_t name, slice_t value, found_t *found)
{
    slice_t text;
    bool admin = self->limits.admin_url;
    if (!admin && slice_is(name, "x-webhook-token")) {
        presented_add(&self->shown, value);
        return true;
    }
    if (!slice_is(name, "authorization"))
        return false;
    if (header_bearer(value, &text))
        presented_add(&self->shown, text);
    else if (!admin && header_basic(value, &text) && !presented_add_basic(&self->shown, text))
        found->malformed = true;
    return true;
}

/* What browsers send. True: it was such a header, which goes no further. */
static bool s_browser_header(const request_reader_t *self, slice_t name, slice_t value,
                             found_t *found)
{
    if (slice_is(name, "cookie")) /* a browser sends one such header (RFC 6265 §5.4) */
        found->session =
            found->cookies++ ? slice("", 0) : cookie_find(value, self->cookie == COOKIE_SECURE);
    else if (slice_is(name, "origin"))
        found->origin = found->origin.data ? slice_of("null") : value;
    else if (slice_is(name, "x-csrf-token"))
        found->csrf = value;
    else
        return false;
    return true;
}

static bool s_is_connection(const h2o_header_t *header)
{
    return slice_is(slice(header->name->base, header->name->len), "connection");
}

static bool s_is_of_connection(const found_t *found, slice_t name)
{
    unsigned left = found->connections;
    for (size_t i = 0; left > 0; i++) {
        const h2o_header_t *header = &found->all->entries[i];
        if (!s_is_connection(header))
            continue;
        left--;
        if (header_is_listed(slice(header->value.base, header->value.len), name))
            return true;
    }
    return false;
}

static bool s_travels(const found_t *found, slice_t name)
{
    if (found->managed)
        return header_travels_to_authd(name);
    if (!found->event)
        return header_travels_with_message(name);
    return header_travels(name) && !s_is_of_connection(found, name);
}

/* For authd alone. What there is no room for is missing there, as where a source asks for it. */
static void s_show(request_reader_t *self, slice_t name, slice_t value)
{
    enum { FRAMING = 8 };
    value = s_utf8(self, value);
    if (self->secrets.len + name.len + value.len + FRAMING <= WIRE_SHOWN)
        wire_pairs_add(&self->secrets, name, value);
}

static void s_header(request_reader_t *self, slice_t name, slice_t value, found_t *found)
{
    bool addressed = found->url.len > 0; /* to a source, which takes no token */
    if (!addressed && s_credential(self, name, value, found))
        return;
    if (self->limits.admin_url && s_browser_header(self, name, value, found))
        return;
    if (slice_is(name, "x-forwarded-for")) {
        if (found->lines++ < FORWARDED_LINES)
            found->forwarded[found->lines - 1] = value;
        return;
    }
    if (slice_is(name, "idempotency-key")) {
        if (found->key.data && !slice_eq(found->key, value))
            found->key_conflict = true;
        found->key = value;
    }
    if (s_travels(found, name))
        wire_pairs_add(&self->headers, name, s_utf8(self, value));
    else if (found->event && (header_class(name) == HEADER_SECRET ||
                              (addressed && slice_is(name, "authorization"))))
        s_show(self, name, value);
}

/* Whether all headers travel that an event has: those of an event, and of what a sender of events
 * posts as a message. */
static bool s_is_event(const h2o_req_t *req, const op_t *op)
{
    bool is = op && op_is_event(op);
    for (size_t i = 0; op && op->deed == DOES_POST && !is && i < req->headers.size; i++) {
        const h2o_iovec_t *name = req->headers.entries[i].name;
        is = header_names_sender(slice(name->base, name->len));
    }
    return is;
}

static error_code_t s_headers(request_reader_t *self, h2o_req_t *req, request_t *out,
                              found_t *found)
{
    if (req->headers.size > self->limits.headers || out->head_len > self->limits.head_bytes)
        return s_refuse(out, ERROR_headers_too_large, NULL);
    pack_reset(&self->headers);
    pack_reset(&self->secrets);
    found->all = &req->headers;
    if (found->format.len)
        wire_pairs_add(&self->headers, slice_of(WIRE_FORMAT), found->format);
    if (found->message.len)
        wire_pairs_add(&self->headers, slice_of(WIRE_MESSAGE), found->message);
    if (found->number.len)
        wire_pairs_add(&self->headers, slice_of(WIRE_NUMBER), found->number);
    if (found->url.len)
        wire_pairs_add(&self->headers, slice_of(WIRE_URL), s_utf8(self, found->url));
    found->event = s_is_event(req, out->op);
    found->managed = out->op && op_manages(out->op);
    for (size_t i = 0; found->event && i < req->headers.size; i++)
        found->connections += s_is_connection(&req->headers.entries[i]);
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        s_header(self, slice(header->name->base, header->name->len),
                 slice(header->value.base, header->value.len), found);
    }
    out->entry.shown = s_keep(req, self->secrets.data, self->secrets.len);
    if (self->secrets.len)
        secret_wipe(self->secrets.data, self->secrets.len);
    if (found->lines > FORWARDED_LINES)
        return s_refuse(out, ERROR_invalid_request,
                        "There are more than 16 X-Forwarded-For headers.");
    if (found->key_conflict)
        found->key = slice("", 0); /* refused after the token */
    out->entry.headers = s_keep(req, self->headers.data, self->headers.len);
    return ERROR_none;
}

static error_code_t s_query(request_reader_t *self, h2o_req_t *req, slice_t query, request_t *out)
{
    const char *detail;
    query_for_t what = op_is_event(out->op) ? QUERY_EVENT : QUERY_STRICT;
    error_code_t error = query_parse(self->query, query, what, self->limits.parameters, &detail);
    if (error)
        return s_refuse(out, error, detail);
    out->entry.params = s_keep(req, self->query->params.data, self->query->params.len);
    return ERROR_none;
}

/* One token from all the places where it may stand; two that differ are refused. */
static error_code_t s_credentials(request_reader_t *self, h2o_req_t *req, found_t *found,
                                  request_t *out)
{
    presented_t *token = &self->query->token;
    presented_merge(token, &self->shown);
    if (found->malformed)
        return s_refuse(out, ERROR_invalid_param,
                        "Authorization: Basic is to be base64 of user:token, with its padding.");
    if (token->conflict)
        return s_refuse(out, ERROR_invalid_param, "The request has two different tokens.");
    if (token_shape(token->text, token->len) == TOKEN_MALFORMED)
        return s_refuse(out, ERROR_invalid_token, NULL);
    out->entry.token = s_keep(req, token->text, token->len);
    if (self->query->appkey.oversized)
        return s_refuse(out, ERROR_invalid_appkey, NULL);
    out->entry.appkey = s_keep(req, self->query->appkey.text, self->query->appkey.len);
    return ERROR_none;
}

/* A page elsewhere is to do nothing here: neither with a cookie that is not its own, nor log its
 * visitor in as somebody else. */
static error_code_t s_check_origin(const request_reader_t *self, const found_t *found,
                                   bool by_cookie, request_t *out)
{
    const char *const urls[] = {self->limits.admin_url, NULL};
    if (found->origin.len == 0 && !by_cookie)
        return ERROR_none; /* a program */
    if (cookie_origin_is_ours(found->origin, out->entry.method, urls))
        return ERROR_none;
    out->reason = REASON_foreign_origin;
    return s_refuse(out, ERROR_csrf_refused,
                    found->origin.len
                        ? "The Origin is not that of the setting admin.url: no other page may send "
                          "this. A program sends no Origin, or the session as Authorization: "
                          "Bearer."
                        : "A change by the session's cookie needs an Origin, which browsers send: "
                          "that of the setting admin.url. A program sends the session as "
                          "Authorization: Bearer instead.");
}

/* The session, and that a cookie brought it. Whether its CSRF token is right, or needed, authd
 * sees; one that cannot be right is as none. */
static void s_by_cookie(h2o_req_t *req, const found_t *found, request_t *out)
{
    enum { MARK = sizeof WIRE_CSRF - 1 };
    slice_t csrf = cookie_is_plain(found->csrf) ? found->csrf : slice("", 0);
    char *marked = h2o_mem_alloc_pool(&req->pool, MARK + csrf.len);
    memcpy(marked, WIRE_CSRF, MARK);
    memcpy(marked + MARK, csrf.data, csrf.len);
    out->entry.token = s_keep(req, found->session.data, found->session.len);
    out->entry.appkey = slice(marked, MARK + csrf.len);
}

static error_code_t s_bearer(h2o_req_t *req, const presented_t *token, request_t *out)
{
    if (!token->present) {
        out->reason = REASON_no_credential;
        return s_refuse(out, ERROR_invalid_session,
                        "Nobody is signed in: log in, or send a management token (posternctl "
                        "management token create makes one) or a session as Authorization: "
                        "Bearer.");
    }
    if (token->len < TOKEN_MIN || token->len > TOKEN_MAX)
        return s_refuse(out, ERROR_invalid_token, error_admin_token);
    out->entry.token = s_keep(req, token->text, token->len);
    return ERROR_none;
}

/* At a source's own address its signature is the credential. What is in the headers for whomever
 * goes no further; a token in the URL would, as the URL is signed. */
static error_code_t s_no_credentials(request_reader_t *self, request_t *out)
{
    out->entry.token = out->entry.appkey = slice("", 0);
    if (self->query->token.present || self->query->appkey.present)
        return s_refuse(out, ERROR_invalid_param,
                        "The address of a source takes no token: its signature is the credential. "
                        "Leave zapikey and appkey out of the URL; one that was there is better "
                        "replaced.");
    return ERROR_none;
}

/* The same on the admin listener. What the credential is, authd sees: there are several kinds. */
static error_code_t s_admin_credentials(request_reader_t *self, h2o_req_t *req,
                                        const found_t *found, request_t *out)
{
    bool open = out->op->credentials == CRED_OPEN;
    bool takes = !open || op_is_of_session(out->op); /* else its body says who asks */
    bool by_cookie = takes && !self->shown.present && found->session.len;
    out->entry.token = out->entry.appkey = slice("", 0);
    if (self->query->token.present || self->query->appkey.present)
        return s_refuse(out, ERROR_invalid_param,
                        "Send the management token as Authorization: Bearer, not in the URL. One "
                        "that was in a URL is better replaced.");
    if (self->shown.conflict)
        return s_refuse(out, ERROR_invalid_param, "The request has two different tokens.");
    error_code_t error =
        open || by_cookie ? s_check_origin(self, found, by_cookie, out) : ERROR_none;
    if (error)
        return error;
    if (by_cookie)
        s_by_cookie(req, found, out);
    else if (!open || (takes && self->shown.present))
        return s_bearer(req, &self->shown, out);
    return ERROR_none;
}

/* "unknown" is not in any network, so what is bound to one is refused. */
static slice_t s_client(request_reader_t *self, h2o_req_t *req, const request_peer_t *peer,
                        const found_t *found)
{
    char text[ADDRESS_TEXT];
    address_t client;
    if (!peer->trusted || found->lines == 0)
        return peer->text;
    if (!client_address(self->trusted, &peer->address, found->forwarded, found->lines, &client))
        return slice_of("unknown");
    return s_keep(req, text, address_text(&client, text));
}

static size_t s_body_most(const request_reader_t *self, const op_t *op)
{
    const request_limits_t *limits = &self->limits;
    return op && op_is_event(op) && limits->event_bytes > limits->body_bytes ? limits->event_bytes
                                                                             : limits->body_bytes;
}

/* Cuts off TEXT what stands before the first of ENDS, and that one. */
static slice_t s_cut(slice_t *text, const char *ends)
{
    size_t len = 0;
    while (len < text->len && !strchr(ends, text->data[len]))
        len++;
    slice_t part = slice(text->data, len);
    len += len < text->len;
    *text = slice(text->data + len, text->len - len);
    return part;
}

size_t request_body_most(const request_reader_t *self, slice_t head)
{
    route_t route;
    slice_t method = s_cut(&head, " \r\n");
    slice_t path = s_cut(&head, "? \r\n");
    routes_find(self->routes, method, s_origin_form(path), &route);
    return s_body_most(self, route.op);
}

static error_code_t s_head(request_reader_t *self, h2o_req_t *req, found_t *found, request_t *out)
{
    if (req->input.path.len > QUERY_URL)
        return s_refuse(out, ERROR_uri_too_long, "The URL is longer than 64 KiB.");
    slice_t path = s_origin_form(slice(req->input.path.base, req->input.path.len));
    const char *mark = path.len ? memchr(path.data, '?', path.len) : NULL;
    size_t len = mark ? (size_t)(mark - path.data) : path.len;
    error_code_t error = s_route(self, req, slice(path.data, len), found, out);
    if (!error && out->op && out->op->credentials == CRED_SIGNATURE)
        found->url = path;
    if (found->url.len > WIRE_URL_MOST)
        error = s_refuse(out, ERROR_uri_too_long,
                         "The URL of a source's address is longer than 2 KiB.");
    if (!error)
        error = s_headers(self, req, out, found);
    out->most = s_body_most(self, out->op);
    if (!error && req->entity.len > out->most)
        error = s_refuse(out, ERROR_body_too_large, NULL);
    if (!error && out->op)
        error = s_query(self, req, mark ? slice(mark + 1, path.len - len - 1) : slice("", 0), out);
    return error;
}

/* The credentials of what is stored are in no other part of it, either. */
static error_code_t s_blank(h2o_req_t *req, const found_t *found, request_t *out)
{
    const slice_t secrets[] = {out->entry.token, out->entry.appkey};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (secrets[i].len < BLANK_LEAST)
            continue;
        if (found->key.len &&
            memmem(found->key.data, found->key.len, secrets[i].data, secrets[i].len))
            return s_refuse(out, ERROR_invalid_param,
                            "The Idempotency-Key holds a credential, which is never stored: choose "
                            "another key.");
        blank_pairs(out->entry.params, secrets[i]);
        blank_pairs(out->entry.headers, secrets[i]);
        blank(slice(req->entity.base, req->entity.len), secrets[i]);
    }
    return ERROR_none;
}

/* Who asks, and as what. */
static error_code_t s_sender(request_reader_t *self, h2o_req_t *req, const request_peer_t *peer,
                             found_t *found, request_t *out)
{
    bool signs = out->op->credentials == CRED_SIGNATURE;
    error_code_t error = self->limits.admin_url ? s_admin_credentials(self, req, found, out)
                         : signs                ? s_no_credentials(self, out)
                                                : s_credentials(self, req, found, out);
    if (error)
        return error;
    if (out->op->credentials != CRED_OPEN && found->key.data && !header_is_key(found->key))
        return s_refuse(out, ERROR_invalid_param,
                        "An Idempotency-Key is one value of 1 to 255 printable ASCII characters.");
    out->entry.client = s_client(self, req, peer, found);
    return found->managed ? ERROR_none : s_blank(req, found, out);
}

error_code_t request_read(request_reader_t *self, h2o_req_t *req, const request_peer_t *peer,
                          request_t *out)
{
    found_t found = {.lines = 0};
    *out = (request_t){.entry = {.has_body = req->entity.len > 0}, .head_len = peer->head_len};
    error_code_t error = s_head(self, req, &found, out);
    if (!error && out->op)
        error = s_sender(self, req, peer, &found, out);
    query_wipe(self->query);
    presented_wipe(&self->shown);
    return error;
}
