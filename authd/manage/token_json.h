/* A token's record as JSON, as operations show it: never the token itself. Threading: a thread and
 * its view. */
#ifndef POSTERN_AUTHD_MANAGE_TOKEN_JSON_H
#define POSTERN_AUTHD_MANAGE_TOKEN_JSON_H

#include "authd/directory/tokens.h"
#include "authd/manage/task.h"

#include <jansson.h>

/* "active", "replaced" or "ended". */
const char *token_state(const token_t *token, uint64_t now_ms);
/* RATE and BURST: the settings', for a token without its own. NOW_MS: wall clock. */
json_t *token_json(view_t *view, const token_t *token, uint64_t rate, uint64_t burst,
                   uint64_t now_ms);
/* Adds how the token was used: last_used, last_target, last_address, count, calls_24h,
 * calls_30d. */
void token_json_use(json_t *all, const token_use_t *use, uint64_t now_ms);
/* The whole: the record and its use. */
json_t *token_json_whole(task_t *task, const token_t *token);
/* The token that is the task's target: ERROR_none or unknown_token. */
error_code_t token_of_target(task_t *task, token_t *token);
/* The same, of the use that keeps an operation from being done, as details of its error. */
void token_use_details(task_t *task, const token_use_t *use);
/* Takes the members out that may be long: scope and networks. */
void token_json_shorten(json_t *all);

#endif
