/* The copies of the directory, one a host, where the installation has several (directory.engine):
 * what is changed at one host is changed at all of them, and is answered when all of them have it,
 * or can judge by nothing older any more.
 *
 * A program links one engine of this: alone.c, where the directory is this host's alone, or
 * postgres/, where changes go through a PostgreSQL server. There, a copy judges within its lease
 * alone, which the server renews: past it authd ends, says GOODBYE by that, and starts anew.
 *
 * Threading: copies_may_judge, copies_waits_ms and copies_leads are for any thread; copies_open and
 * copies_close are the main thread's before and after there are others; the rest is the thread's
 * that changes the directory. */
#ifndef POSTERN_AUTHD_COPIES_COPIES_H
#define POSTERN_AUTHD_COPIES_COPIES_H

#include "authd/directory/directory.h"
#include "authd/directory/tokens.h"
#include "common/conf/conf.h"

typedef struct copies copies_t;

/* The value of directory.engine. */
const char *copies_engine(void);

/* Whether copies_open may take its time, and says by the check "copies" what it waits for: then the
 * monitor is there before it. */
bool copies_wait(void);

/* Has DIRECTORY (borrowed) hold what the others hold, and waits for the server where it is away;
 * -1 with the reason in err. *self_p stays NULL where there is nothing to share. */
int copies_open(copies_t **self_p, const conf_start_t *start, directory_t *directory, char *err,
                size_t err_size);
/* Says that this host judges no more. */
void copies_close(copies_t **self_p);

/* Those that follow take NULL, too: then all is this host's alone. */
bool copies_may_judge(const copies_t *self);
/* The number of the last change that was made here; 0: none. */
uint64_t copies_changed(const copies_t *self);
/* For how long a change has waited for the server's answer, without which nothing else is changed,
 * nor listed; 0: none waits. */
int64_t copies_waits_ms(const copies_t *self, int64_t now_ms);
/* Whether all have the change of this number. */
bool copies_have(const copies_t *self, uint64_t number);
/* Whether what one authd does for all is this one's: what workers are told and asked again and
 * again, and what is swept. That two do it for a while does no harm. */
bool copies_leads(const copies_t *self);
/* A use of TOKEN was counted in a writing view, which is committed when copies_counted is called:
 * the other hosts are told what is counted here, and what they count comes here (elsewhere.h). */
void copies_used(copies_t *self, const uuid_t7 *token, const token_use_t *use);
void copies_counted(copies_t *self);
/* Readable when copies_have may say something else; -1: never. The reader silences it (wake.h). */
int copies_fd(const copies_t *self);

#endif
