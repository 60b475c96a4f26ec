/* The life of a process: signals, drain, privileges, one instance. Each main calls these in the
 * order of this file.
 *
 * Signals: SIGTERM and SIGINT ask for a drain, SIGHUP, where it is taken, for files to be read
 * again; they are blocked in every thread and read from a descriptor, so no handler of ours ever
 * runs. SIGPIPE is ignored. */
#ifndef POSTERN_LIFE_H
#define POSTERN_LIFE_H

#include "common/conf/conf.h"

#include <stdbool.h>
#include <stddef.h>

/* Blocks the signals and makes the descriptor; before any thread exists. Also
 * secret_protect_process, life_raise_descriptors, notify_open and tzset (libh2o reads the zone in
 * each thread). */
void life_begin(void);

/* Lets this process, and what it starts from then on, have as many descriptors as its hard limit
 * allows. */
void life_raise_descriptors(void);

/* Readable when a signal waits. Owned by life. */
int life_fd(void);

/* Reads the signals that wait, once a millisecond however often it is called. True from the first
 * SIGTERM or SIGINT on. Any thread. */
bool life_stopping(void);

/* Takes SIGHUP, too, which ends other processes. After life_begin, before any thread exists. */
void life_take_hangup(void);
/* True once after one or several SIGHUP. Any thread, after life_stopping. */
bool life_hung_up(void);

/* True from the first SIGINT on, which a person at a terminal sends, or a supervisor that starts
 * the process anew: the drain is to finish work and not to wait for those who may still come (a
 * load balancer's next check, a gateway that is not ending itself). Any thread, after
 * life_stopping. */
bool life_hurry(void);

/* Locks PATH (made with mode 0600, flock; see path_open) for the life of the process; exits with
 * EXIT_CONFIG and the pid of the holder when another process has it: a second bind of an ipc
 * endpoint would steal the first one's socket without an error. wait: waits for the lock instead,
 * logging once. */
void life_lock(const char *path, bool wait);

/* life_lock, but false when another process has the lock. */
bool life_try_lock(const char *path);
/* The same for as long as the descriptor that it returns is open; -1 when another process has it.
 */
int life_hold(const char *path);

/* Whether another process has PATH locked now. Not for a path that this process locks. */
bool life_locked(const char *path);

/* Makes a directory and its parents (mode 0700 for the last) if missing; exits when it cannot. */
void life_make_dir(const char *path);

/* Makes data.sockets; where data.sockets lies below data.directory, makes data.directory first,
 * which is not to get the mode of a parent. */
void life_make_sockets(const conf_t *conf);

/* Makes data.known, which has to be there whether data.directory is or not. Where it cannot be
 * made, that is logged and everything else works. */
void life_make_known(const conf_t *conf);

/* Where root starts the processes and each kind has a user of its own (kinds.h): makes the places
 * of this process for its user (prepare.h). With -P that is all, and the process ends. Exits on
 * failure. */
void life_prepare(const conf_start_t *start);

/* Makes data.sockets, and becomes, when root, process.user where one is named, with its groups;
 * else the user of its kind, where each kind has one (after life_prepare). First process.user is
 * given the master key, data.sockets, data.known, data.directory and the file of the first owner,
 * where they are there and root's (path_give). Whatever its user, the process is confined then
 * (confine.h). The supervisor's death signal is kept. Exits on failure. */
void life_settle(const conf_start_t *start);

/* Tells a supervisor that the process can serve: systemd by its protocol (notify.h), posternctl up
 * by one byte to the descriptor that the environment's POSTERN_READY_FD names, which is closed
 * then. Once; later calls do nothing. Main thread. */
void life_ready(void);

#endif
