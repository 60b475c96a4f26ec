/* What may be shown of a token, as JSON: never the token. Threading: a thread and its view. */
#ifndef POSTERN_TOKEN_JSON_H
#define POSTERN_TOKEN_JSON_H

#include "authd/directory/tokens.h"

#include <jansson.h>

/* RATE and BURST: the settings', for a token without its own. NOW_MS: wall clock. */
json_t *token_json(view_t *view, const token_t *token, uint64_t rate, uint64_t burst,
                   uint64_t now_ms);
/* Adds how it was used: last_used, last_target, last_address, count, calls_24h, calls_30d. */
void token_json_use(json_t *all, const token_use_t *use, uint64_t now_ms);
/* Takes out what may be long: scope and networks. */
void token_json_shorten(json_t *all);

#endif
