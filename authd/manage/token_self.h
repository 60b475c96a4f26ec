/* The answer to token_self: whose the sender's token is, what it may do and until when. Threading:
 * the view's. */
#ifndef POSTERN_AUTHD_MANAGE_TOKEN_SELF_H
#define POSTERN_AUTHD_MANAGE_TOKEN_SELF_H

#include "authd/judge/verdict.h"

/* JSON for the PRINCIPAL of an accepted request; the caller frees. */
char *token_self(const judge_t *judge, view_t *view, const wire_principal_t *principal,
                 int64_t wall_ms);

#endif
