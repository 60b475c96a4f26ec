#include "common/base/utf8.h"
#include "common/monitor/exposition.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHECKS = 32, NAME = 64, REASON = 201 };

static struct {
    pthread_mutex_t lock;
    unsigned count;
    struct {
        char name[NAME], reason[REASON];
        check_state_t state;
    } check[CHECKS];
} s_checks = {.lock = PTHREAD_MUTEX_INITIALIZER};

void monitor_check(const char *name, check_state_t state, const char *reason)
{
    assert(strlen(name) < NAME);
    pthread_mutex_lock(&s_checks.lock);
    unsigned i = 0;
    while (i < s_checks.count && strcmp(s_checks.check[i].name, name) != 0)
        i++;
    assert(i < CHECKS);
    if (i == s_checks.count)
        s_checks.count++;
    snprintf(s_checks.check[i].name, NAME, "%s", name);
    snprintf(s_checks.check[i].reason, REASON, "%s", reason ? reason : "");
    s_checks.check[i].state = state;
    pthread_mutex_unlock(&s_checks.lock);
}

/* Names and reasons are ours, but a reason may quote a path, which has any bytes. */
static void s_write_text(FILE *to, const char *text)
{
    char *whole = utf8_replaced(slice_of(text));
    fputc('"', to);
    for (const char *at = whole; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(to, "\\u%04x", c);
        else
            fputc(c, to);
    }
    fputc('"', to);
    free(whole);
}

/* The lock is held. */
static bool s_ready(bool *degraded)
{
    bool ready = s_checks.count > 0;
    *degraded = false;
    for (unsigned i = 0; i < s_checks.count; i++) {
        ready = ready && s_checks.check[i].state != CHECK_FAILED;
        *degraded = *degraded || s_checks.check[i].state == CHECK_DEGRADED;
    }
    return ready;
}

bool checks_ready(bool *degraded)
{
    pthread_mutex_lock(&s_checks.lock);
    bool ready = s_ready(degraded);
    pthread_mutex_unlock(&s_checks.lock);
    return ready;
}

bool checks_write(FILE *to, const char *process, unsigned index, const char *installation)
{
    static const char *const states[] = {"ok", "degraded", "failed"};
    char host[HOST_NAME_MAX + 1] = "";
    gethostname(host, sizeof host - 1);
    pthread_mutex_lock(&s_checks.lock);
    bool degraded, ready = s_ready(&degraded);
    fprintf(to,
            "{\"ready\":%s,\"degraded\":%s,\"process\":\"%s\",\"index\":%u,\"installation\":\"%s\","
            "\"version\":\"%s\",\"host\":",
            ready ? "true" : "false", degraded ? "true" : "false", process, index, installation,
            POSTERN_VERSION);
    s_write_text(to, host);
    fputs(",\"checks\":[", to);
    for (unsigned i = 0; i < s_checks.count; i++) {
        fputs(i ? ",{\"name\":" : "{\"name\":", to);
        s_write_text(to, s_checks.check[i].name);
        fprintf(to, ",\"state\":\"%s\",\"reason\":", states[s_checks.check[i].state]);
        s_write_text(to, s_checks.check[i].reason);
        fputc('}', to);
    }
    fputs("]}\n", to);
    pthread_mutex_unlock(&s_checks.lock);
    return ready;
}
