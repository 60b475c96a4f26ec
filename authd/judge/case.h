/* What a request is judged by. Private to verdict.c, find.c, person.c and source_case.c. */
#ifndef POSTERN_AUTHD_JUDGE_CASE_H
#define POSTERN_AUTHD_JUDGE_CASE_H

#include "authd/directory/extensions.h"
#include "authd/directory/places.h"
#include "authd/directory/sources.h"
#include "authd/directory/tokens.h"
#include "authd/directory/users.h"
#include "authd/judge/verdict.h"

typedef struct {
    judge_t *judge;
    view_t *view;
    wire_request_t *request;
    token_t token; /* of a person: what a token of its own would be */
    bool operates; /* there is no token: whoever asks may everything */
    bool owns;     /* the target is the user's own */
    bool placed;   /* the target is PLACE, of KIND */
    place_kind_t kind;
    place_t place;
    bool bound;       /* the token has terms */
    source_t source;  /* at whose address it came */
    bool signs;       /* there is one */
    bool sourced;     /* sources of the target go along */
    bool bare;        /* it is another's, and seen without bodies */
    user_role_t role; /* of a person */
    terms_t terms;
    slice_t detail;  /* of the refusal */
    unsigned allow;  /* and the methods that are allowed, */
    reason_t reason; /* and why, for programs */
    uint64_t wall_ms;
} case_t;

typedef enum {
    MAY_ANYONE, /* any active user */
    MAY_MEMBER, /* the people of the place */
    MAY_PEOPLE, /* these and the owner */
    MAY_OWNER,
    MAY_SEEN, /* of a person: the owner; a role above a member's, without bodies */
} rule_t;

/* Finds the target, checks that it is in use and who may, and fills target and principal. */
typedef error_code_t find_fn(case_t *self, rule_t rule);

/* Of refusal.c: what a reply says of a token that is being replaced. */
void verdict_add_facts(const verdict_t *verdict, wire_reply_t *reply);

/* Of find.c: the targets of SEND's rows in common/ops.def, */
find_fn case_find_channel, case_find_channel_id, case_find_chat, case_find_bot, case_find_outlet,
    case_find_app, case_find_buddy, case_find_direct, case_find_source, case_find_self,
    case_find_reader;
/* and the rest of finding, for a place that was found, and by an app-id. */
error_code_t case_place(case_t *self, place_kind_t kind, rule_t rule, const place_t *place);
error_code_t case_app(case_t *self, rule_t rule);
error_code_t case_user(case_t *self, rule_t rule, const user_t *user);

bool case_covers(const case_t *self, terms_kind_t kind, const uuid_t7 *id);
error_code_t case_take_app(case_t *self, const app_t *app, const extension_t *extension);

/* Of source_case.c: the token that the source is for at whose address it came, and its target,
 * where it is judged as an event. */
error_code_t case_by_source(case_t *self);
error_code_t case_source(case_t *self, rule_t rule);

#endif
