/* A yard with management operations: what a test of them sits at. */
#ifndef POSTERN_TEST_DESK_H
#define POSTERN_TEST_DESK_H

#include "tests/unit/yard.h"

#include "authd/accounts/accounts.h"
#include "authd/manage/manage.h"
#include "common/base/ops.h"

#include <jansson.h>

typedef struct {
    yard_t *yard;
    manage_t *manage;
    accounts_t *accounts;
    char message[MANAGE_MESSAGE]; /* of the last error */
} desk_t;

enum { DESK_OBJECTS = 64, DESK_SERVICE_TOKENS = 7 };

static const manage_limits_t desk_limits = {.rate = 1000,
                                            .burst = 2000,
                                            .member_objects = DESK_OBJECTS,
                                            .service_tokens = DESK_SERVICE_TOKENS};

static inline int desk_setup(void **state)
{
    desk_t *self = calloc(1, sizeof *self);
    assert(self);
    void *yard;
    if (yard_setup(&yard) != 0)
        return -1;
    self->yard = yard;
    self->manage = manage_new(self->yard->directory, &desk_limits, "https://h.example");
    self->accounts = accounts_new(&(accounts_options_t){.cost = {.memory_kib = 19456, .passes = 2},
                                                        .idle_s = 3600,
                                                        .session_s = 86400,
                                                        .url = "https://admin.example/"});
    manage_accounts(self->manage, self->accounts);
    *state = self;
    return 0;
}

static inline int desk_teardown(void **state)
{
    desk_t *self = *state;
    void *yard = self->yard;
    manage_destroy(&self->manage);
    accounts_destroy(&self->accounts);
    yard_teardown(&yard);
    free(self);
    return 0;
}

/* The reply; NULL and *code on an error. */
static inline json_t *desk_call(desk_t *self, unsigned op, const char *target, const char *body,
                                error_code_t *code)
{
    manage_answer_t answer;
    manage_run(self->manage, op, slice_of(target), slice_of(body), &answer);
    *code = answer.code;
    memcpy(self->message, answer.message, sizeof answer.message);
    json_t *reply = answer.body ? json_loadb(answer.body, answer.body_len, 0, NULL) : NULL;
    assert_true((answer.code == ERROR_none) == (reply != NULL));
    assert_true((answer.code == ERROR_none) == (answer.message[0] == '\0'));
    manage_clear(&answer);
    return reply;
}

static inline json_t *desk_do(desk_t *self, unsigned op, const char *target, const char *body)
{
    error_code_t code;
    json_t *reply = desk_call(self, op, target, body, &code);
    if (code != ERROR_none)
        fail_msg("operation %u: %d %s", op, code, self->message);
    return reply;
}

static inline void desk_done(desk_t *self, unsigned op, const char *target, const char *body)
{
    json_decref(desk_do(self, op, target, body));
}

static inline error_code_t desk_code(desk_t *self, unsigned op, const char *target,
                                     const char *body)
{
    error_code_t code;
    json_decref(desk_call(self, op, target, body, &code));
    return code;
}

static inline const char *desk_text(const json_t *reply, const char *name)
{
    const char *text = json_string_value(json_object_get(reply, name));
    assert_non_null(text);
    return text;
}

#define ANN "ann@example.org"
static const char desk_ann[] = "{\"name\":\"Ann\",\"email\":\"" ANN "\"}";

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

#endif
