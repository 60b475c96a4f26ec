/* The URLs that a token opens that was just made, to put where a sender is set up. */
#ifndef POSTERN_CTL_MANAGE_TOKEN_URLS_H
#define POSTERN_CTL_MANAGE_TOKEN_URLS_H

#include "ctl/ctl.h"

/* The URLs that MADE (an answer with a new token in it) opens: of the targets that the token is
 * bound to; of a token that is bound to none, those of the channels and bots that USER (email or
 * id) is among, and templates with NAME where USER is among none yet, or among more than were
 * looked at. WARNINGS takes a sentence for each target that USER may not post to as it is. The URLs
 * hold the token. */
json_t *token_urls(ctl_t *ctl, const json_t *made, const char *user, json_t *warnings);

#endif
