/* The users of the kinds of processes, where each kind has one of its own, so that who takes over
 * one process has nothing of the others: gateway.user, authd.user … of the settings, and
 * worker.group, which all workers are in.
 *
 * Kinds have users of their own where root starts the processes, process.user is empty and all of
 * these users are there. Systemd's units name the same users (a test compares). Threading: any
 * thread. */
#ifndef POSTERN_KINDS_H
#define POSTERN_KINDS_H

#include "common/conf/conf.h"

#include <stddef.h>
#include <sys/types.h>

enum {
    KINDS = 0
#define KIND(name) +1
#include "common/kinds.def"
};
/* The sections of the kinds: of common/kinds.def. */
extern const char *const kinds_all[KINDS];

typedef struct {
    uid_t user;
    gid_t group; /* the user's own */
} kinds_user_t;

/* The user of SECTION's process. 0, or -1 when there is none of that name. */
int kinds_user(const conf_t *conf, const char *section, kinds_user_t *to);

/* worker.group; -1 when there is no such group. */
int kinds_workers(const conf_t *conf, gid_t *to);

/* Whether a kind of SECTION's is a worker. */
bool kinds_is_worker(const char *section);

/* Whether SECTION's workers deliver to handlers. */
bool kinds_has_handlers(const char *section);

/* The file of the key under which these keep handlers' secrets: worker.key, or where that is empty
 * SECTION.key in data.directory. */
void kinds_key(const conf_t *conf, const char *section, char *path, size_t size);

/* The file with the connection string of the directory: that of directory.connection; where that is
 * empty FILE.directory beside postgres.connection's FILE, where it is there; else FILE. OWN: always
 * the one that is authd's own. Returns PATH. */
const char *kinds_directory(const conf_t *conf, bool own, char *path, size_t size);

/* The first setting whose user or group is not there; SETTING_COUNT when all are. */
setting_t kinds_lacking(const conf_t *conf);

/* Whether processes that this one starts, or is, get a user a kind. */
bool kinds_apart(const conf_t *conf);

/* Whether root may be the user of all kinds, where they have none of their own and process.user is
 * empty: not where a part of their users is there, nor over directories in data.directory or
 * data.sockets that are another user's, who would choose what root opens. 0, also where the
 * question is not asked, or -1 with what to do in err. */
int kinds_check_root(const conf_t *conf, char *err, size_t err_size);

#endif
