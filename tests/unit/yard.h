/* A directory in a scratch place, for the tests of authd, with short ways to fill it. */
#ifndef POSTERN_TEST_YARD_H
#define POSTERN_TEST_YARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/directory/directory.h"
#include "authd/directory/extensions.h"
#include "authd/directory/places.h"
#include "authd/directory/tokens.h"
#include "authd/directory/users.h"
#include "common/base/secret.h"
#include "tests/unit/scratch.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    char path[SCRATCH], store[SCRATCH + 32], key[SCRATCH + 32];
    directory_t *directory;
    char err[512];
} yard_t;

static inline bool yard_open_as(yard_t *self, bool read_only)
{
    directory_options_t options = {.path = self->store,
                                   .key_path = self->key,
                                   .map_bytes = 256u << 20,
                                   .read_only = read_only};
    self->directory = directory_open(&options, self->err, sizeof self->err);
    return self->directory != NULL;
}

static inline bool yard_open(yard_t *self)
{
    return yard_open_as(self, false);
}

static inline int yard_setup(void **state)
{
    yard_t *self = calloc(1, sizeof *self);
    assert(self);
    scratch_make(self->path);
    snprintf(self->store, sizeof self->store, "%s/directory", self->path);
    snprintf(self->key, sizeof self->key, "%s/master.key", self->path);
    *state = self;
    return yard_open(self) ? 0 : -1;
}

static inline int yard_teardown(void **state)
{
    yard_t *self = *state;
    directory_close(&self->directory);
    scratch_remove(self->path);
    free(self);
    return 0;
}

static inline uuid_t7 yard_user(yard_t *self, const char *email)
{
    user_t user = {.name = slice_of("Some One"), .email = slice_of(email), .created_ms = 1};
    uuid_new(&user.id);
    view_t *view = view_begin(self->directory);
    assert_int_equal(users_add(view, &user), 0);
    assert_int_equal(view_commit(&view), 0);
    return user.id;
}

/* What tokens_add says; commits. */
static inline tokens_add_t yard_token_as(yard_t *self, const uuid_t7 *user, const char *text,
                                         token_t *token)
{
    token->user = *user;
    token->last4 = slice_of("last");
    token->display = slice_of("Some One");
    token->name = slice_of("");
    if (token->terms.len == 0)
        token->terms = slice_of("");
    uuid_new(&token->id);
    token_hash(text, strlen(text), token->hash);
    view_t *view = view_begin(self->directory);
    tokens_add_t added = tokens_add(view, token, TOKENS_ACTIVE, token->created_ms);
    assert_int_equal(view_commit(&view), 0);
    return added;
}

static inline uuid_t7 yard_token(yard_t *self, const uuid_t7 *user, const char *text)
{
    token_t token = {.rate = TOKEN_DEFAULT, .burst = TOKEN_DEFAULT};
    assert_int_equal(yard_token_as(self, user, text, &token), TOKENS_ADDED);
    return token.id;
}

/* The owner is among its people. */
static inline uuid_t7 yard_place(yard_t *self, place_kind_t kind, const char *name,
                                 const uuid_t7 *owner)
{
    place_t place = {.owner = *owner, .name = slice_of(name), .created_ms = 1};
    uuid_new(&place.id);
    view_t *view = view_begin(self->directory);
    assert_int_equal(places_add(view, kind, &place), 0);
    assert_true(place_add(view, kind, &place.id, owner, 1));
    assert_int_equal(view_commit(&view), 0);
    return place.id;
}

static inline extension_t yard_extension(yard_t *self, const char *name, const uuid_t7 *owner)
{
    extension_t extension = {.owner = *owner, .name = slice_of(name), .created_ms = 1};
    uuid_new(&extension.id);
    view_t *view = view_begin(self->directory);
    assert_int_equal(extensions_add(view, &extension), 0);
    assert_int_equal(view_commit(&view), 0);
    return extension;
}

/* A writing view that is committed by YARD_DONE. */
#define YARD_CHANGE(self, view) view_t *view = view_begin((self)->directory)
#define YARD_DONE(view) assert_int_equal(view_commit(&(view)), 0)

#endif
