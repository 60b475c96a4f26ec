#include "common/postgres/lease.h"

#include "common/base/clock.h"
#include "common/base/turning.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct lease {
    char what[32], me[LEASE_HOLDER];
    size_t home_len; /* of me: it, and a blank */
    char former[LEASE_HOLDER];
    watch_t seen;
    session_t session;
    const char *connection;
    void (*lost)(void *arg);
    void *arg;
    turning_t *beating;
};

lease_t *lease_new(const char *what, const char *home, const uuid_t7 *me, const watch_t *seen)
{
    lease_t *self = calloc(1, sizeof *self);
    char id[UUID_TEXT];
    if (!self)
        abort();
    uuid_text(me, id);
    snprintf(self->what, sizeof self->what, "%s", what);
    self->home_len = (size_t)snprintf(self->me, sizeof self->me, "%.150s ", home);
    snprintf(self->me + self->home_len, sizeof self->me - self->home_len, "%s", id);
    watch_begin(&self->seen);
    if (seen)
        self->seen = *seen;
    self->beating = turning_new();
    return self;
}

void lease_destroy(lease_t **self_p)
{
    lease_t *self = *self_p;
    if (!self)
        return;
    turning_destroy(&self->beating);
    session_close(&self->session);
    free(self);
    *self_p = NULL;
}

const char *lease_holder(const lease_t *self)
{
    return self->seen.holder;
}

const char *lease_me(const lease_t *self)
{
    return self->me;
}

const char *lease_former(const lease_t *self)
{
    return self->former;
}

void lease_lost_sight(lease_t *self)
{
    watch_lost_sight(&self->seen);
}

static session_outcome_t s_look(lease_t *self, session_t *session, bool *still)
{
    statement_t ask;
    statement_begin(&ask, "lease", "SELECT holder, beat FROM postern.lease WHERE what = $1");
    statement_text(&ask, self->what);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    if (statement_rows(&ask) == 1) {
        *still = watch_see(&self->seen, statement_bytes(&ask, 0, 0), statement_number(&ask, 0, 1));
    } else {
        snprintf(session->text, sizeof session->text,
                 "the database has no lease of this shard: "
                 "posternctl db init makes it");
        went = SESSION_REFUSED;
    }
    statement_end(&ask);
    return went;
}

/* Of who looked at the same time, one finds the beat that it saw. */
static session_outcome_t s_take(lease_t *self, session_t *session)
{
    statement_t take;
    statement_begin(
        &take, "claim",
        "UPDATE postern.lease SET holder = $3, beat = beat + 1 WHERE what = $1 AND beat "
        "= $2 AND coalesce(holder, '') = $4");
    statement_text(&take, self->what);
    statement_int8(&take, self->seen.beat);
    statement_text(&take, self->me);
    statement_text(&take, self->seen.holder);
    session_outcome_t went = session_exchange(session, &take, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    bool ours = statement_rows(&take) == 1;
    statement_end(&take);
    return ours ? SESSION_OK : SESSION_AGAIN;
}

session_outcome_t lease_claim(lease_t *self, session_t *session)
{
    bool still = false;
    session_outcome_t went = s_look(self, session, &still);
    if (went != SESSION_OK || strcmp(self->seen.holder, self->me) == 0)
        return went;
    bool left = !self->seen.holder[0] || strncmp(self->seen.holder, self->me, self->home_len) == 0;
    if (!left && !still)
        return SESSION_AGAIN;
    went = s_take(self, session);
    if (went == SESSION_OK && !left)
        memcpy(self->former, self->seen.holder, sizeof self->former);
    return went;
}

static session_outcome_t s_connect(lease_t *self)
{
    statement_t ease;
    if (session_is_open(&self->session))
        return SESSION_OK;
    session_outcome_t went = session_open(&self->session, self->connection);
    if (went != SESSION_OK)
        return went;
    /* A beat that is lost in a failover is followed by another. */
    statement_begin(&ease, "", "SELECT set_config('synchronous_commit', 'off', false)");
    went = session_exchange(&self->session, &ease, 1, LEASE_MS);
    if (went == SESSION_OK)
        statement_end(&ease);
    return went;
}

static bool s_beat(void *arg)
{
    lease_t *self = arg;
    statement_t beat;
    if (s_connect(self) != SESSION_OK)
        return false;
    statement_begin(&beat, "beat",
                    "UPDATE postern.lease SET beat = beat + 1 WHERE what = $1 AND holder = $2");
    statement_text(&beat, self->what);
    statement_text(&beat, self->me);
    if (session_exchange(&self->session, &beat, 1, LEASE_MS) != SESSION_OK)
        return false;
    bool ours = statement_rows(&beat) == 1;
    statement_end(&beat);
    if (!ours)
        self->lost(self->arg);
    return false;
}

void lease_start(lease_t *self, const char *connection, const char *name, void (*lost)(void *arg),
                 void *arg)
{
    self->connection = connection;
    self->session.name = name;
    self->lost = lost;
    self->arg = arg;
    int rc = turning_start(self->beating, LEASE_BEAT_MS, s_beat, self);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "journal.lease", "errno=%d", rc);
}

void lease_stop(lease_t *self)
{
    turning_stop(self->beating);
}

void lease_leave(lease_t *self, session_t *session)
{
    statement_t leave;
    statement_begin(&leave, "",
                    "UPDATE postern.lease SET holder = NULL, beat = beat + 1 WHERE what = $1 AND "
                    "holder = $2");
    statement_text(&leave, self->what);
    statement_text(&leave, self->me);
    session_outcome_t went = session_exchange(session, &leave, 1, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        statement_end(&leave);
    else
        log_warn("journal.not_handed_over", "lease=%s err=%s", self->what,
                 LOG_Q("who waits takes it when its beat has stood still for some seconds"));
}

/* Also where the file is empty, as one that root has made for this process's user (prepare.h). */
static int s_make_id(int fd)
{
    char id[UUID_TEXT];
    uuid_t7 new;
    uuid_new(&new);
    uuid_text(&new, id);
    bool made = pwrite(fd, id, strlen(id), 0) == (ssize_t)strlen(id) && fsync(fd) == 0;
    return made ? 0 : -1;
}

/* Processes that begin at the same time get one id: who has the lock makes it. */
static int s_read_id(const char *file, uuid_t7 *id)
{
    char text[UUID_TEXT] = "";
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    int rc = flock(fd, LOCK_EX);
    ssize_t len = rc == 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
    if (len == 0 && (rc = s_make_id(fd)) == 0)
        len = pread(fd, text, sizeof text - 1, 0);
    if (rc == 0 && (len <= 0 || uuid_parse(text, (size_t)len, id) != 0)) {
        errno = EINVAL;
        rc = -1;
    }
    int error = errno;
    close(fd);
    errno = error;
    return rc;
}

int lease_home(const char *file, char home[LEASE_HOLDER], char *err, size_t err_size)
{
    uuid_t7 id;
    char text[UUID_TEXT], name[80] = "";
    if (s_read_id(file, &id) != 0) {
        snprintf(err, err_size,
                 "%s: %s (it has the id of this host's data directory; where it is damaged, remove "
                 "it)",
                 file, strerror(errno));
        return -1;
    }
    gethostname(name, sizeof name - 1);
    uuid_text(&id, text);
    snprintf(home, LEASE_HOLDER, "%s %s", name, text);
    return 0;
}
