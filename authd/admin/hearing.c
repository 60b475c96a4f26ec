#include "authd/admin/hearing.h"

#include "authd/directory/audit.h"
#include "authd/directory/table.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/base/wake.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/store/sealing_key.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    heard_t heard;
    char client[ADDRESS_TEXT];
} given_t;

struct hearing {
    pthread_mutex_t lock;
    int fd;
    unsigned len;
    given_t given[HEARING_MOST];
};

hearing_t *hearing_new(void)
{
    hearing_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    pthread_mutex_init(&self->lock, NULL);
    self->fd = wake_new();
    if (self->fd < 0)
        log_fatal(EXIT_FAULT, "hearing.eventfd", "err=%s", LOG_Q(strerror(errno)));
    return self;
}

void hearing_destroy(hearing_t **self_p)
{
    hearing_t *self = *self_p;
    if (!self)
        return;
    secret_wipe(self->given, sizeof self->given);
    pthread_mutex_destroy(&self->lock);
    close(self->fd);
    free(self);
    *self_p = NULL;
}

static bool s_is_on_the_way(const hearing_t *self, const uuid_t7 *source)
{
    for (unsigned i = 0; i < self->len; i++)
        if (uuid_eq(&self->given[i].heard.source, source))
            return true;
    return false;
}

void hearing_give(hearing_t *self, const heard_t *heard, slice_t client)
{
    pthread_mutex_lock(&self->lock);
    bool taken = self->len < HEARING_MOST && !s_is_on_the_way(self, &heard->source);
    if (taken) {
        given_t *given = &self->given[self->len++];
        given->heard = *heard;
        snprintf(given->client, sizeof given->client, "%.*s", SLICE_ARG(client));
    }
    pthread_mutex_unlock(&self->lock);
    if (taken)
        wake_ring(self->fd);
}

int hearing_fd(const hearing_t *self)
{
    return self->fd;
}

static void s_audit(view_t *view, const source_t *source, const given_t *given, uint64_t wall_ms)
{
    char id[UUID_TEXT], object[UUID_TEXT + SOURCE_NAME + 1];
    uuid_text(&source->id, id);
    snprintf(object, sizeof object, "%s %.*s", id, SLICE_ARG(source->name));
    audit_add(view, &(audit_t){.time_ms = wall_ms,
                               .from = slice_of(given->client),
                               .who = slice_of("nobody"),
                               .op = slice_of(op_find(OP_source_incoming)->name),
                               .object = slice_of(source->name.len ? object : id)});
}

/* False when the source waits no more. */
static bool s_put(view_t *view, const given_t *given, uint64_t wall_ms)
{
    source_t source;
    uint8_t sealed[HANDSHAKE_TOKEN + SEALING_OVERHEAD];
    slice_t text = slice(given->heard.secret, given->heard.len);
    if (!sources_get(view, &given->heard.source, &source) || source.waits_ms <= wall_ms)
        return false;
    source.secrets = sealed_drop_expired(source.secret, source.secrets, wall_ms);
    if (source.secrets == SOURCE_KEYS)
        return false;
    sealing_key_seal(table_master_key(view), text, sealed);
    source.secret[source.secrets++] =
        (sealed_t){slice(sealed, text.len + SEALING_OVERHEAD), wall_ms, 0};
    source.waits_ms = 0;
    source.told_ms = wall_ms;
    source.version = source.version + 1 > wall_ms ? source.version + 1 : wall_ms;
    s_audit(view, &source, given, wall_ms);
    sources_put(view, &source);
    return true;
}

static void s_keep(directory_t *directory, const given_t *given, uint64_t wall_ms)
{
    char id[UUID_TEXT];
    view_t *view = view_begin(directory);
    if (!s_put(view, given, wall_ms) || view_is_damaged(view) || view_is_away(view)) {
        view_abort(&view);
        return;
    }
    view_outcome_t outcome = view_commit(&view);
    uuid_text(&given->heard.source, id);
    if (outcome == VIEW_DONE)
        log_info("source.told", "source=%s from=%s", id, LOG_Q(given->client));
    else
        log_warn("source.untold", "source=%s err=%s", id, LOG_Q(view_outcome_text(outcome)));
}

void hearing_keep(hearing_t *self, directory_t *directory, uint64_t wall_ms)
{
    given_t given[HEARING_MOST];
    if (!wake_silence(self->fd))
        return;
    pthread_mutex_lock(&self->lock);
    unsigned len = self->len;
    memcpy(given, self->given, len * sizeof *given);
    secret_wipe(self->given, sizeof self->given);
    self->len = 0;
    pthread_mutex_unlock(&self->lock);
    bool room = directory_is_there(directory) && directory_has_room(directory);
    for (unsigned i = 0; room && i < len; i++)
        s_keep(directory, &given[i], wall_ms);
    secret_wipe(given, sizeof given);
}
