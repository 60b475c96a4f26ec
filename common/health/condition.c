#include "common/health/condition.h"

#include <stdio.h>
#include <string.h>

static void s_reasons(const json_t *checks, char *text, size_t size)
{
    size_t i, len = 0;
    json_t *check;
    json_array_foreach (checks, i, check) {
        const char *state = json_string_value(json_object_get(check, "state"));
        const char *name = json_string_value(json_object_get(check, "name"));
        const char *reason = json_string_value(json_object_get(check, "reason"));
        if (!state || strcmp(state, "ok") == 0 || len >= size)
            continue;
        len += (size_t)snprintf(text + len, size - len, "%s%s %s%s%s", len ? "; " : "",
                                name ? name : "?", state, reason && *reason ? ": " : "",
                                reason ? reason : "");
    }
}

/* In a word; the reasons say more where /readyz did not. */
static const char *s_state(condition_t *self, const ask_reply_t *health,
                           const ask_reply_t *readiness)
{
    const ask_reply_t *silent = readiness->mute || health->status ? readiness : health;
    const char *silence = monitors_silence(silent);
    if (silence) {
        snprintf(self->reasons, sizeof self->reasons, "no answer: %s%s", silent->error,
                 silent->mute ? "; it stands still, or another process has its address "
                                "(event=monitor.busy in its log)"
                              : "");
        return silence;
    }
    if (health->status != 200) {
        const char *body = health->body ? health->body : "";
        snprintf(self->reasons, sizeof self->reasons, "%.*s", (int)strcspn(body, "\n"), body);
        return "hanging";
    }
    if (!self->ready)
        return "not ready";
    return self->degraded ? "degraded" : "ready";
}

void condition_read(condition_t *self, const station_t *station, const char *installation,
                    const ask_reply_t *health, const ask_reply_t *readiness)
{
    memset(self, 0, sizeof *self);
    json_t *body =
        readiness->body ? json_loadb(readiness->body, readiness->body_len, 0, NULL) : NULL;
    if (monitors_foreign(station, readiness, body, installation, self->reasons,
                         sizeof self->reasons)) {
        self->state = "foreign";
        json_decref(body);
        return;
    }
    self->readiness = body;
    self->alive = health->status == 200;
    self->ready = self->alive && readiness->status == 200;
    self->degraded = json_is_true(json_object_get(body, "degraded"));
    s_reasons(json_object_get(body, "checks"), self->reasons, sizeof self->reasons);
    self->state = s_state(self, health, readiness);
}

void condition_clear(condition_t *self)
{
    json_decref(self->readiness);
    memset(self, 0, sizeof *self);
}
