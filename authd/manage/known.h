/* What a member may do with others' names: a member (of role, not of a channel) is anybody who was
 * let in, so it neither fills the directory nor learns from it who else is there. Private to
 * authd/manage. */
#ifndef POSTERN_AUTHD_MANAGE_KNOWN_H
#define POSTERN_AUTHD_MANAGE_KNOWN_H

#include "authd/manage/task.h"

/* How many places of who asks are looked at for the names of one request; past that it is refused.
 */
enum { KNOWN_LOOKS = 50000 };

/* As users_find; where there is none, USER is one with the nil id, whom nothing is known of, and as
 * much was read: for who answers both in the same way. */
bool known_find(view_t *view, slice_t id_or_email, user_t *user);

/* Whether who asks is USER, or shares a channel or a bot with it. *LEFT: how many places may be
 * looked at; 0 afterwards: it was not found out. */
bool known_shares(task_t *task, const uuid_t7 *user, unsigned *left);

/* As task_user, in an operation of stages_known. A member names by email address or account itself
 * and those with whom it shares a channel or a bot, and anybody by id, which cannot be guessed. Who
 * is not known to it is answered like one who is not there, after the same work: unknown_user. */
error_code_t known_user(task_t *task, slice_t id_or_email, const char *what, user_t *user);

/* Whether OWNER may be given one more channel, bot or extension by who asks: ERROR_none, or
 * quota_reached where that is a member and OWNER has manage_limits_t's. */
error_code_t known_quota(task_t *task, const uuid_t7 *owner);

#endif
