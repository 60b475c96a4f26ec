/* What a token that was just made opens: the URLs to put where a sender is set up. */
#ifndef POSTERN_TOKEN_URLS_H
#define POSTERN_TOKEN_URLS_H

#include "ctl/ctl.h"

/* The URLs that MADE (an answer with a new token in it) opens: of the targets that it is bound to;
 * of one that is bound to none those of the channels and bots that USER (email or id) is among, and
 * templates with NAME where that is nothing yet, or more than was looked at. WARNINGS takes a
 * sentence for each target that USER may not post to as it is. They hold the token. */
json_t *token_urls(ctl_t *ctl, const json_t *made, const char *user, json_t *warnings);

#endif
