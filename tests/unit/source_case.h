/* A request of a sender that a test builds, changes and verifies. */
#ifndef POSTERN_TEST_SOURCE_CASE_H
#define POSTERN_TEST_SOURCE_CASE_H

#include "common/source/presets.h"
#include "common/source/verify.h"

#include <assert.h>
#include <stdio.h>

typedef struct {
    pack_t headers, params;
    source_request_t request;
    scheme_t scheme;
    source_key_t keys[SOURCE_KEYS];
    size_t count;
    source_verdict_t verdict;
} source_case_t;

/* A request of POST that came at a second since 1970. */
static inline void case_begin(source_case_t *self, int64_t at)
{
    memset(self, 0, sizeof *self);
    self->request.method = slice_of("POST");
    self->request.wall_ms = at * 1000;
}

static inline void case_header(source_case_t *self, const char *name, slice_t value)
{
    wire_pairs_add(&self->headers, slice_of(name), value);
    self->request.headers = wire_pairs_of(&self->headers);
}

static inline void case_param(source_case_t *self, const char *name, const char *value)
{
    wire_pairs_add(&self->params, slice_of(name), slice_of(value));
    self->request.params = wire_pairs_of(&self->params);
}

static inline void case_no_headers(source_case_t *self)
{
    pack_reset(&self->headers);
    self->request.headers = slice(NULL, 0);
}

static inline void case_preset(source_case_t *self, const char *name)
{
    char err[256];
    const preset_t *preset = preset_find(slice_of(name));
    assert(preset);
    bool good = scheme_read(&preset->texts, &self->scheme, err, sizeof err);
    if (!good)
        fprintf(stderr, "%s: %s\n", name, err);
    assert(good);
}

static inline void case_secret(source_case_t *self, const char *text)
{
    char err[256];
    bool good =
        source_key_read(&self->scheme, slice_of(text), &self->keys[self->count++], err, sizeof err);
    assert(good);
}

static inline source_outcome_t case_verify(source_case_t *self)
{
    source_verify(&self->scheme, self->keys, self->count, &self->request, &self->verdict);
    return self->verdict.outcome;
}

static inline void case_end(source_case_t *self)
{
    pack_free(&self->headers);
    pack_free(&self->params);
}

#endif
