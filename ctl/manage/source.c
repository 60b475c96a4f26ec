/* posternctl source presets, source check: senders' signatures, without a server. */
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/source/presets.h"
#include "common/source/scheme_json.h"
#include "common/source/verify.h"
#include "ctl/caught.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEME_FILE = 16384, SECRET_FILE = 2 * SOURCE_KEY_TEXT + 8, ERR = 256 };

static json_t *s_preset(const preset_t *preset)
{
    json_t *row = scheme_json_write(&preset->texts);
    json_object_set_new(row, "name", json_string(preset->name));
    json_object_set_new(row, "sender", json_string(preset->sender));
    json_object_set_new(row, "handshake", json_string(handshake_name(preset->handshake)));
    return row;
}

int source_presets_run(ctl_t *ctl)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < preset_table_len; i++)
        json_array_append_new(rows, s_preset(&preset_table[i]));
    if (ctl_json(ctl)) {
        json_t *all = json_pack("{s:O}", "presets", rows);
        table_json(all);
        json_decref(all);
    } else {
        table_rows(rows, "name sender alg header signed tolerance handshake");
    }
    json_decref(rows);
    return CTL_OK;
}

/* One check. */
typedef struct {
    ctl_t *ctl;
    json_t *file; /* of --scheme FILE, which the texts point into */
    scheme_json_t read;
    scheme_t scheme;
    source_key_t keys[SOURCE_KEYS];
    size_t count;
    caught_t caught;
    source_request_t request; /* of what was caught */
} check_t;

__attribute__((format(printf, 2, 3))) static bool s_failed(const check_t *self, const char *format,
                                                           ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ctl_error(self->ctl, "failed", "%s", text);
    return false;
}

static bool s_read_file(check_t *self, const char *path, char *err, size_t err_size)
{
    json_error_t error;
    size_t len = 0;
    char *text = credential_read_file(path, SCHEME_FILE, &len);
    if (!text)
        return s_failed(
            self,
            "--scheme %s is no preset (posternctl source presets lists them), and as a file: %s",
            path, strerror(errno));
    self->file = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    free(text);
    if (!self->file)
        return s_failed(self, "%s:%d: %s", path, error.line, error.text);
    return scheme_json_read(self->file, &self->read, err, err_size) ||
           s_failed(self, "%s: %s", path, err);
}

static bool s_read_scheme(check_t *self)
{
    char err[ERR];
    const char *name = ctl_option(self->ctl, "--scheme");
    const preset_t *preset = preset_find(slice_of(name));
    if (preset)
        self->read.texts = preset->texts;
    else if (!s_read_file(self, name, err, sizeof err))
        return false;
    return scheme_read(&self->read.texts, &self->scheme, err, sizeof err) ||
           s_failed(self, "%s: %s", name, err);
}

/* One secret a line, at most two; an empty line at the end counts as none. */
static bool s_read_lines(check_t *self, const char *text)
{
    char err[ERR];
    for (const char *line = text; *line && self->count < SOURCE_KEYS; self->count++) {
        size_t len = strcspn(line, "\r\n");
        if (!source_key_read(&self->scheme, slice(line, len), &self->keys[self->count], err,
                             sizeof err))
            return s_failed(self, "--secret-file: line %zu: %s", self->count + 1, err);
        line += len;
        line += strspn(line, "\r\n");
    }
    return self->count > 0 || s_failed(self, "--secret-file: the secret is empty");
}

static bool s_read_secrets(check_t *self)
{
    const char *path = ctl_option(self->ctl, "--secret-file");
    size_t len = 0;
    char *text = credential_read_file(path, SECRET_FILE, &len);
    if (!text)
        return s_failed(self, "--secret-file %s: %s", path,
                        errno == EFBIG ? "it has more than two secrets of 512 bytes"
                                       : strerror(errno));
    bool good = s_read_lines(self, text);
    credential_free(&text);
    return good;
}

static bool s_read_time(check_t *self)
{
    const char *text = ctl_option(self->ctl, "--at");
    self->request.wall_ms = text ? clock_parse(slice_of(text)) : clock_wall_ms();
    if (text && strspn(text, "0123456789") == strlen(text))
        self->request.wall_ms = (int64_t)ctl_parse_number("--at", text, 0, 99999999999) * 1000;
    return self->request.wall_ms >= 0 ||
           s_failed(self, "--at %s: write it as 2026-01-02T03:04:05Z, or in seconds since 1970",
                    text);
}

/* The query of URL: what stands between ? and #. */
static slice_t s_query(const char *url)
{
    const char *mark = strchr(url, '?');
    return mark ? slice(mark + 1, strcspn(mark + 1, "#")) : slice("", 0);
}

static bool s_read_request(check_t *self)
{
    caught_t *caught = &self->caught;
    const char *file = ctl_option(self->ctl, "--headers"), *url = ctl_option(self->ctl, "--url"),
               *method = ctl_option(self->ctl, "--method");
    if (!caught_headers(caught, file))
        return s_failed(self, "%s: %s", file,
                        errno == EFBIG ? "it is larger than 1 MiB" : strerror(errno));
    if (url && !caught_query(caught, s_query(url)))
        return s_failed(self, "--url: it has a %% that is no escape");
    if (!caught_body(caught, "-"))
        return s_failed(self, "stdin: %s",
                        errno == EFBIG ? "the body is larger than 16 MiB" : strerror(errno));
    self->request.method = slice_of(method ? method : "POST");
    self->request.url = slice_of(url ? url : "");
    self->request.headers = wire_pairs_of(&caught->headers);
    self->request.params = wire_pairs_of(&caught->params);
    self->request.body = slice(caught->body, caught->body_len);
    return true;
}

static bool s_read(check_t *self)
{
    const char *wanted[] = {"--scheme", "--secret-file", "--headers"};
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!ctl_option(self->ctl, wanted[i]))
            return s_failed(self, "%s is needed", wanted[i]);
    return s_read_scheme(self) && s_read_secrets(self) && s_read_time(self) && s_read_request(self);
}

/* A usual cause of a signature that does not match, found by trying; NULL: none of them. */
static const char *s_cause(const check_t *self)
{
    source_verdict_t verdict;
    source_request_t other = self->request;
    if (other.body.len && other.body.data[other.body.len - 1] == '\n') {
        other.body.len--;
        source_verify(&self->scheme, self->keys, self->count, &other, &verdict);
        if (verdict.key)
            return "it matches without the line end at the end of the body";
    }
    scheme_t scheme = self->scheme;
    for (unsigned form = KEY_BASE64; self->scheme.key == KEY_UTF8 && form <= KEY_HEX; form++) {
        source_key_t key;
        char err[ERR];
        slice_t text = slice(self->keys[0].bytes, self->keys[0].len);
        scheme.key = (scheme_key_t)form;
        if (!source_key_read(&scheme, text, &key, err, sizeof err))
            continue;
        source_verify(&scheme, &key, 1, &self->request, &verdict);
        source_key_wipe(&key);
        if (verdict.key)
            return "it matches with the secret decoded: set key to base64, whsec or hex";
    }
    return NULL;
}

static json_t *s_report(const check_t *self, const source_verdict_t *verdict)
{
    static const char *const results[] = {"signed", "unsigned", "refused"};
    json_t *report = json_pack("{s:s}", "result", results[verdict->outcome]);
    if (verdict->reason[0])
        json_object_set_new(report, "reason", json_string(verdict->reason));
    if (verdict->key)
        json_object_set_new(report, "secret", json_integer(verdict->key));
    json_object_set_new(report, "signatures", json_integer(verdict->signatures));
    json_object_set_new(report, "of_right_length", json_integer(verdict->compared));
    json_object_set_new(report, "signature_bytes",
                        json_integer((json_int_t)scheme_signature_len(&self->scheme)));
    if (verdict->timed)
        json_object_set_new(report, "age_s", json_integer(verdict->age_s));
    json_object_set_new(report, "body_bytes", json_integer((json_int_t)self->request.body.len));
    const char *cause = verdict->outcome == SOURCE_REFUSED && verdict->compared && !verdict->timed
                            ? s_cause(self)
                            : NULL;
    if (cause)
        json_object_set_new(report, "cause", json_string(cause));
    handshake_t which = handshake_find(&self->request);
    if (which != HANDSHAKE_none)
        json_object_set_new(report, "handshake", json_string(handshake_name(which)));
    return report;
}

int source_check_run(ctl_t *ctl)
{
    check_t self = {.ctl = ctl};
    int status = CTL_USAGE;
    if (s_read(&self)) {
        source_verdict_t verdict;
        source_verify(&self.scheme, self.keys, self.count, &self.request, &verdict);
        ctl_show(ctl, s_report(&self, &verdict));
        status = verdict.outcome == SOURCE_SIGNED ? CTL_OK : CTL_REFUSED;
    }
    secret_wipe(self.keys, sizeof self.keys);
    caught_free(&self.caught);
    json_decref(self.file);
    return status;
}
