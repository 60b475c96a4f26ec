#include "authd/judge/grants.h"

#include "authd/judge/gather.h"
#include "authd/judge/hints.h"
#include "authd/judge/several.h"
#include "common/base/ops.h"
#include "common/stream/found.h"

void grants_give(const uint8_t key[GRANT_KEY], const wire_request_t *request, slice_t asked,
                 bytes_t *out)
{
    grant_t grant = {.op = request->op,
                     .token = request->principal.token,
                     .target = request->principal.target,
                     .client = request->client,
                     .name = asked};
    grant_seal(&grant, key, grant.seal);
    grant_write(&grant, out);
}

/* Whether the feed is one of the owner of what was granted, and asks for that. */
static bool s_fits(const grant_t *grant, unsigned feed, ask_kind_t kind)
{
    const op_t *op = op_find(grant->op);
    if (!op || (op->owner != op_find(feed)->owner && op->owner != OWNER_AUTHD))
        return false;
    if (kind == ASK_LOG)
        return op->deed == DOES_LOOK || op->deed == DOES_GATHER;
    return op->deed == (kind == ASK_NAMES ? DOES_GATHER : DOES_STREAM);
}

/* By which the reader is to have the right: of deliveries it is another one than of messages. 0:
 * who reads by a webhook token has none. */
static unsigned s_right(const grant_t *grant, ask_kind_t kind)
{
    const op_t *op = op_find(grant->op);
    if (kind != ASK_DELIVERIES || !op)
        return grant->op;
    return op->credentials != CRED_PERSON ? 0
           : op->owner == OWNER_BOT       ? OP_person_bot_deliveries
           : op->owner == OWNER_EXTENSION ? OP_person_extension_deliveries
                                          : 0;
}

static error_code_t s_judge(judge_t *judge, view_t *view, const uint8_t key[GRANT_KEY],
                            const grant_t *grant, unsigned feed, ask_kind_t kind, int64_t wall_ms,
                            uuid_t7 *reader)
{
    wire_request_t request = {.op = s_right(grant, kind),
                              .method = OP_GET,
                              .target = grant->name,
                              .client = grant->client};
    if (!s_fits(grant, feed, kind) || !request.op || !grant_is_sealed(grant, key))
        return ERROR_not_allowed;
    error_code_t code = verdict_regrant(judge, view, &request, &grant->token, wall_ms);
    *reader = request.principal.user;
    if (code == ERROR_none && op_find(grant->op)->deed == DOES_GATHER &&
        !gather_sees_all(view, grant))
        code = ERROR_not_allowed;
    bool same = code != ERROR_none || uuid_eq(&request.principal.target, &grant->target);
    return same ? code : ERROR_archived; /* another target has the name by now */
}

static void s_refuse(const ask_t *ask, const bytes_t *rows, uint32_t count, bytes_t *refused)
{
    found_t found = {.kind = FOUND_REFUSED,
                     .generation = ask->generation,
                     .count = count,
                     .rows = bytes_slice(rows)};
    found_write(&found, refused);
}

/* The list that the grant gives the right to, or the hints for who has it. */
static void s_list(judge_t *judge, view_t *view, const uint8_t key[GRANT_KEY], const grant_t *grant,
                   const ask_t *ask, int64_t wall_ms, bytes_t *answer)
{
    several_t reader = {.judge = judge,
                        .view = view,
                        .key = key,
                        .token = grant->token,
                        .user = grant->target,
                        .person = op_find(grant->op)->credentials == CRED_PERSON,
                        .client = grant->client,
                        .wall_ms = wall_ms};
    if (ask->kind == ASK_NAMES)
        gather_names(view, ask, answer);
    else if (ask->kind == ASK_HINTS)
        hints_answer(&reader, ask, answer);
    else
        several_again(&reader, ask->after, answer);
}

/* Of what is for some users alone, whoever reads gets their own: of several readers none. */
static void s_read_as(wire_request_t *request, bool first, const uuid_t7 *reader)
{
    uuid_t7 *user = &request->principal.user;
    if (first)
        *user = *reader;
    else if (!uuid_eq(user, reader))
        *user = (uuid_t7){{0}};
}

/* What authd answers itself. */
static bool s_is_of_authd(const ask_t *ask)
{
    return ask->kind == ASK_LIST || ask->kind == ASK_HINTS || ask->kind == ASK_NAMES;
}

/* How many grants are judged: of names the right to ask for them alone. */
static uint32_t s_judged(const ask_t *ask)
{
    return ask->kind == ASK_NAMES ? 1 : ask->grants;
}

/* Whether it is a stream of all, by a session or a management token. */
static bool s_is_of_page(const grant_t *grant)
{
    const op_t *op = op_find(grant->op);
    return op && op->owner == OWNER_AUTHD && op->credentials == CRED_PERSON;
}

error_code_t grants_judge(judge_t *judge, view_t *view, const uint8_t key[GRANT_KEY],
                          wire_request_t *request, slice_t body, int64_t wall_ms, bytes_t *answer)
{
    ask_t ask;
    grant_t grant;
    bytes_t rows = {0};
    uint32_t count = 0;
    error_code_t code = ERROR_none;
    request->principal = (wire_principal_t){0};
    request->handler = slice("", 0);
    if (!ask_read(body, &ask) || (ask.kind == ASK_LOG) != op_gathers(request->op))
        return ERROR_invalid_request;
    request->principal.present = true;
    request->principal.target = ask.target;
    bytes_in_t in = {ask.rows.data, ask.rows.len, false};
    for (uint32_t i = 0; i < s_judged(&ask) && ask_next_grant(&ask, &in, &grant); i++) {
        uuid_t7 reader = {{0}};
        error_code_t why =
            s_judge(judge, view, key, &grant, request->op, ask.kind, wall_ms, &reader);
        if (i == 0 && ask.kind != ASK_LOG)
            request->principal.target = grant.target;
        if (ask.kind == ASK_PAGE || ask.kind == ASK_SPAN)
            s_read_as(request, i == 0, &reader);
        if (why == ERROR_none)
            continue;
        refused_write(i, why, &rows);
        count++;
    }
    bool unsure = view_take_damage(view);
    if (count > 0 && !unsure)
        s_refuse(&ask, &rows, count, answer);
    else if (ask.kind == ASK_HINTS && !s_is_of_page(&grant))
        code = ERROR_invalid_request;
    else if (s_is_of_authd(&ask) && !unsure)
        s_list(judge, view, key, &grant, &ask, wall_ms, answer);
    bytes_free(&rows);
    return unsure ? ERROR_internal : code;
}
