#include "common/source/signed.h"

#include "common/base/hex.h"
#include "common/base/percent.h"
#include "common/base/secret.h"
#include "common/source/mac.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef struct {
    slice_t name, value;
} piece_t;

static bool s_refuse(char *err, size_t err_size, const char *reason)
{
    snprintf(err, err_size, "%s", reason);
    return false;
}

static void *s_memory(size_t len)
{
    void *memory = malloc(len + 1);
    if (!memory)
        abort();
    return memory;
}

static int s_compare(slice_t a, slice_t b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int s_compare_pieces(const void *left, const void *right)
{
    const piece_t *a = left, *b = right;
    int order = s_compare(a->name, b->name);
    return order ? order : s_compare(a->value, b->value);
}

/* Decodes TEXT to *AT, which moves on; false: it has an escape that is none. */
static bool s_decode(slice_t text, char **at, slice_t *decoded)
{
    ssize_t len = percent_decode(text, true, *at);
    if (len < 0)
        return false;
    *decoded = slice(*at, (size_t)len);
    *at += len;
    return true;
}

/* The pieces of a form, decoded into ROOM, which is as long as BODY; -1: it is no form. */
static ssize_t s_split(slice_t body, char *room, piece_t pieces[SIGNED_FORM])
{
    size_t count = 0;
    slice_t name, value;
    while (percent_piece(&body, &name, &value)) {
        if (name.len == 0 && !value.data)
            continue;
        if (count == SIGNED_FORM || !s_decode(name, &room, &pieces[count].name) ||
            !s_decode(value, &room, &pieces[count].value))
            return -1;
        count++;
    }
    return (ssize_t)count;
}

static bool s_form(signed_t *self, char *err, size_t err_size)
{
    slice_t body = self->request->body;
    char *room = s_memory(body.len);
    piece_t *pieces = s_memory(SIGNED_FORM * sizeof *pieces);
    ssize_t count = s_split(body, room, pieces);
    self->form = s_memory(body.len);
    if (count > 0)
        qsort(pieces, (size_t)count, sizeof *pieces, s_compare_pieces);
    for (ssize_t i = 0; i < count; i++) {
        if (i > 0 && s_compare_pieces(&pieces[i - 1], &pieces[i]) == 0)
            continue;
        slice_t both[] = {pieces[i].name, pieces[i].value};
        for (unsigned j = 0; j < 2; self->form_len += both[j++].len)
            if (both[j].len)
                memcpy(self->form + self->form_len, both[j].data, both[j].len);
    }
    free(pieces);
    free(room);
    return count >= 0 || s_refuse(err, err_size, "the body is no form of at most 1000 fields");
}

/* Whether TEXT is the SHA-256 of the body, in hexadecimal digits. */
static bool s_is_digest(slice_t text, slice_t body)
{
    uint8_t digest[MAC_SHA256], given[MAC_SHA256];
    size_t len = 0;
    mac_sha256(body, digest);
    return text.len == 2 * sizeof given &&
           sodium_hex2bin(given, sizeof given, text.data, text.len, NULL, &len, NULL) == 0 &&
           secret_eq(given, len, digest, sizeof digest);
}

static bool s_read_form(signed_t *self, char *err, size_t err_size)
{
    static const char form[] = "application/x-www-form-urlencoded";
    slice_t digest, type;
    if (source_param(self->request, "bodySHA256", &digest))
        return s_is_digest(digest, self->request->body) ||
               s_refuse(err, err_size, "the body is not that of the parameter bodySHA256");
    source_header(self->request, slice_of("content-type"), &type);
    bool is_form =
        type.len >= sizeof form - 1 && strncasecmp(type.data, form, sizeof form - 1) == 0;
    if (self->request->body.len && !is_form)
        return s_refuse(err, err_size,
                        "the body is no form, and there is no parameter bodySHA256 that signs it");
    return s_form(self, err, err_size);
}

static void s_add_url(signed_t *self, slice_t before, const char *port, slice_t rest)
{
    size_t size = before.len + strlen(port) + rest.len + 1;
    char *url = s_memory(size);
    snprintf(url, size, "%.*s%s%.*s", SLICE_ARG(before), port, SLICE_ARG(rest));
    self->url[self->urls++] = url;
}

/* The URL with its port, and without. */
static void s_add_ports(signed_t *self, slice_t url)
{
    const char *end = url.data + url.len;
    const char *host = memmem(url.data, url.len, "://", 3);
    if (!host)
        return;
    const char *path = host + 3, *colon = NULL;
    for (; path < end && *path != '/' && *path != '?'; path++)
        colon = *path == ':' ? path : *path == ']' || *path == '@' ? NULL : colon;
    bool is_tls = strncasecmp(url.data, "https", 5) == 0;
    slice_t rest = slice(path, (size_t)(end - path));
    const char *host_end = colon ? colon : path;
    s_add_url(self, slice(url.data, (size_t)(host_end - url.data)),
              colon    ? ""
              : is_tls ? ":443"
                       : ":80",
              rest);
}

bool signed_prepare(signed_t *self, const scheme_t *scheme, const source_request_t *request,
                    slice_t ts, char *err, size_t err_size)
{
    memset(self, 0, sizeof *self);
    self->scheme = scheme;
    self->request = request;
    self->ts = ts;
    if (scheme_signs(scheme, PART_URL) && !request->url.len)
        return s_refuse(err, err_size,
                        "the sender signs the URL, which only the source's own address knows");
    if (scheme_signs(scheme, PART_ID) && source_header(request, scheme->id, &self->id) != 1) {
        snprintf(err, err_size, "header %.*s, which is signed, %s", SLICE_ARG(scheme->id),
                 self->id.data ? "stands there twice" : "is missing");
        return false;
    }
    if (scheme_signs(scheme, PART_URL))
        s_add_url(self, request->url, "", slice("", 0));
    if (!scheme_signs(scheme, PART_FORM))
        return true;
    s_add_ports(self, request->url);
    return s_read_form(self, err, err_size);
}

void signed_wipe(signed_t *self)
{
    free(self->form);
    for (unsigned i = 0; i < self->urls; i++)
        free(self->url[i]);
    memset(self, 0, sizeof *self);
}

size_t signed_parts(const signed_t *self, unsigned i, slice_t parts[SCHEME_PARTS])
{
    const scheme_t *scheme = self->scheme;
    for (unsigned p = 0; p < scheme->parts; p++) {
        const slice_t all[] = {
            [PART_BODY] = self->request->body,
            [PART_TS] = self->ts,
            [PART_ID] = self->id,
            [PART_URL] = self->urls ? slice_of(self->url[i]) : slice(NULL, 0),
            [PART_METHOD] = self->request->method,
            [PART_FORM] = slice(self->form, self->form_len),
            [PART_LITERAL] = scheme->part[p].literal,
        };
        parts[p] = all[scheme->part[p].kind];
    }
    return scheme->parts;
}
