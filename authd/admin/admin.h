/* The admin API in authd: requests of the gateways' admin listeners come over a link of their own
 * (authd.admin), are judged by their credential, and carried out by manage.h. Admin requests never
 * pass the loop that judges senders' requests, which they could hold up.
 *
 * A request that comes again (attempt 2 and up) changes nothing twice: see answers.h. Where the
 * answer is lost, because authd was killed in between, the audit tells whether the request made its
 * change.
 *
 * Threading: the thread of control.h, which is the directory's only writer. */
#ifndef POSTERN_AUTHD_ADMIN_ADMIN_H
#define POSTERN_AUTHD_ADMIN_ADMIN_H

#include "authd/copies/copies.h"
#include "authd/manage/manage.h"
#include "common/conf/conf.h"
#include "common/link/link.h"

typedef struct admin admin_t;

/* Binds authd.admin. SELF_INSTANCE is the thread's; all is borrowed. Exits when it cannot bind. */
admin_t *admin_new(const conf_t *conf, const char *name, const uint64_t *self_instance,
                   directory_t *directory, manage_t *manage, accounts_t *accounts,
                   const copies_t *copies);
void admin_destroy(admin_t **self_p);

link_t *admin_link(admin_t *self); /* for link_wait */
void admin_restart(admin_t *self); /* after link_woke */
/* Takes the requests that have come, and carries out what is due. */
void admin_turn(admin_t *self, int64_t now_ms);
/* Each second: writes when the management tokens were used, in the writing view VIEW_P, which is
 * begun where it is NULL and there is something to write. */
void admin_write_use(admin_t *self, view_t **view_p);
/* A session or management token was used for an operation of senders, too: whether that is to be
 * written. What is neither is not. */
bool admin_use_is_due(admin_t *self, view_t *view, const uuid_t7 *id, uint64_t used_ms);
/* Writes it in the writing view VIEW. */
void admin_note_use(admin_t *self, view_t *view, const uuid_t7 *id, uint64_t used_ms);

#endif
