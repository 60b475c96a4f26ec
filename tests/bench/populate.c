/* Fills a directory that nobody has open, past authd and its one commit a change: for benchmarks of
 * large ones.
 *
 *   populate DIRECTORY MASTER-KEY USERS CHANNELS SAMPLE
 *
 * Each user gets TOKENS_ACTIVE tokens and is a member of one channel. Prints SAMPLE of the tokens,
 * spread evenly over all, as "token channel" lines. */
#include "authd/directory/directory.h"
#include "authd/directory/places.h"
#include "authd/directory/tokens.h"
#include "authd/directory/users.h"
#include "common/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS_A_COMMIT = 20000, NAME = 64 };

typedef struct {
    uint8_t hash[TOKEN_HASH];
    char text[TOKEN_LEN + 1];
} made_t;

typedef struct {
    directory_t *directory;
    unsigned users, channels;
    uuid_t7 *places;
    made_t *tokens; /* in the order of their table: written one behind the other */
    size_t tokens_len;
} fill_t;

static _Noreturn void s_die(const char *what)
{
    fprintf(stderr, "populate: %s\n", what);
    exit(1);
}

static int s_by_hash(const void *a, const void *b)
{
    return memcmp(((const made_t *)a)->hash, ((const made_t *)b)->hash, TOKEN_HASH);
}

static void s_make_tokens(fill_t *self)
{
    self->tokens_len = (size_t)self->users * TOKENS_ACTIVE;
    self->tokens = calloc(self->tokens_len, sizeof *self->tokens);
    if (!self->tokens)
        s_die("no memory for the tokens");
    for (size_t i = 0; i < self->tokens_len; i++) {
        token_make(self->tokens[i].text);
        token_hash(self->tokens[i].text, TOKEN_LEN, self->tokens[i].hash);
    }
    qsort(self->tokens, self->tokens_len, sizeof *self->tokens, s_by_hash);
}

static void s_commit(view_t **view)
{
    if (view_commit(view) != 0)
        s_die("the directory has no room: raise the map");
}

static void s_channel(char name[NAME], unsigned number)
{
    snprintf(name, NAME, "load_%u", number);
}

static void s_add_channels(fill_t *self, const uuid_t7 *owner)
{
    view_t *view = view_begin(self->directory);
    self->places = calloc(self->channels, sizeof *self->places);
    for (unsigned i = 0; i < self->channels; i++) {
        char name[NAME];
        s_channel(name, i);
        place_t place = {.owner = *owner, .name = slice_of(name), .created_ms = 1};
        uuid_new(&place.id);
        self->places[i] = place.id;
        if (places_add(view, PLACE_CHANNEL, &place) != 0)
            s_die("a channel of that name is there");
    }
    s_commit(&view);
}

static void s_add_token(view_t *view, const uuid_t7 *user, const made_t *made)
{
    token_t token = {.user = *user,
                     .rate = TOKEN_DEFAULT,
                     .burst = TOKEN_DEFAULT,
                     .display = slice_of("Some One"),
                     .name = slice_of("bench"),
                     .terms = slice_of(""),
                     .created_ms = 1,
                     .last4 = slice(made->text + TOKEN_LEN - 4, 4)};
    uuid_new(&token.id);
    memcpy(token.hash, made->hash, TOKEN_HASH);
    if (tokens_add(view, &token, TOKENS_ACTIVE, 1) != TOKENS_ADDED)
        s_die("a token was not added");
}

static uuid_t7 s_add_user(view_t *view, unsigned number)
{
    char email[NAME];
    snprintf(email, sizeof email, "user%u@example.org", number);
    user_t user = {.name = slice_of("Some One"), .email = slice_of(email), .created_ms = 1};
    uuid_new(&user.id);
    if (users_add(view, &user) != 0)
        s_die("a user of that address is there");
    return user.id;
}

static void s_add_users(fill_t *self)
{
    view_t *view = view_begin(self->directory);
    uuid_t7 owner = s_add_user(view, self->users);
    s_commit(&view);
    s_add_channels(self, &owner);
    for (unsigned i = 0; i < self->users; i++) {
        if (!view)
            view = view_begin(self->directory);
        uuid_t7 user = s_add_user(view, i);
        for (unsigned k = 0; k < TOKENS_ACTIVE; k++)
            s_add_token(view, &user, &self->tokens[(size_t)i * TOKENS_ACTIVE + k]);
        place_add(view, PLACE_CHANNEL, &self->places[i % self->channels], &user, 1);
        if (i % USERS_A_COMMIT == USERS_A_COMMIT - 1 || i == self->users - 1)
            s_commit(&view);
    }
}

static void s_print(const fill_t *self, size_t sample)
{
    for (size_t i = 0; i < sample; i++) {
        size_t at = i * self->tokens_len / sample;
        char name[NAME];
        s_channel(name, (unsigned)(at / TOKENS_ACTIVE % self->channels));
        printf("%s %s\n", self->tokens[at].text, name);
    }
}

int main(int argc, char **argv)
{
    char err[512];
    if (argc != 6)
        s_die("takes DIRECTORY MASTER-KEY USERS CHANNELS SAMPLE");
    fill_t self = {.users = (unsigned)atoi(argv[3]), .channels = (unsigned)atoi(argv[4])};
    directory_options_t options = {
        .path = argv[1], .key_path = argv[2], .map_bytes = (uint64_t)16 << 30};
    self.directory = directory_open(&options, err, sizeof err);
    if (!self.directory || self.users == 0 || self.channels == 0)
        s_die(self.directory ? "needs a user and a channel" : err);
    s_make_tokens(&self);
    s_add_users(&self);
    s_print(&self, (size_t)atol(argv[5]));
    directory_close(&self.directory);
    free(self.places);
    free(self.tokens);
    return 0;
}
