#include "common/base/clock.h"
#include "common/link/curve.h"
#include "common/link/keys.h"
#include "common/link/said.h"
#include "common/link/uid.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* A ZAP request's frames behind the delimiter, RFC 27: version, sequence, domain, address,
 * identity, mechanism, credentials. */
enum {
    ZAP_VERSION,
    ZAP_SEQUENCE,
    ZAP_DOMAIN,
    ZAP_ADDRESS,
    ZAP_IDENTITY,
    ZAP_MECHANISM,
    ZAP_KEY,
    ZAP_FRAMES,
    FRAME = 256
};

static void *s_socket;
static said_t s_said;

/* Reads one request; false when a frame is missing or too many came. */
static bool s_receive(char frames[ZAP_FRAMES][FRAME], size_t len[ZAP_FRAMES])
{
    unsigned count = 0;
    int more = 1;
    size_t more_size = sizeof more;
    while (more) {
        char spare[FRAME];
        char *to = count < ZAP_FRAMES ? frames[count] : spare;
        int got = zmq_recv(s_socket, to, FRAME - 1, 0);
        if (got < 0)
            return false;
        if (count < ZAP_FRAMES)
            len[count] = (size_t)(got < FRAME - 1 ? got : FRAME - 1);
        to[got < FRAME - 1 ? got : FRAME - 1] = '\0';
        count++;
        zmq_getsockopt(s_socket, ZMQ_RCVMORE, &more, &more_size);
    }
    return count == ZAP_FRAMES || count == ZAP_KEY; /* NULL has no credentials */
}

static void s_answer(const char *sequence, size_t sequence_len, bool allowed, const char *user)
{
    const char *status = allowed ? "200" : "400";
    const char *text = allowed ? "OK" : "No access";
    zmq_send(s_socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(s_socket, sequence, sequence_len, ZMQ_SNDMORE);
    zmq_send(s_socket, status, 3, ZMQ_SNDMORE);
    zmq_send(s_socket, text, strlen(text), ZMQ_SNDMORE);
    zmq_send(s_socket, user, strlen(user), ZMQ_SNDMORE);
    zmq_send(s_socket, "", 0, 0);
}

static const char *s_why(const char *key, unsigned roles)
{
    if (uid_is_proof(key))
        return "this endpoint is not for this user's kind of process";
    return roles ? "this endpoint is not for the role of this key"
                 : "not in curve.allowed; if it is yours: posternctl keys allow FILE";
}

static void s_refuse(const char *key, const char *address, unsigned roles)
{
    char who[SAID_WHO];
    snprintf(who, sizeof who, "%s %.64s", key, address);
    metric_add(METRIC_link_refused_total, 1);
    if (!said_is_news(&s_said, who, clock_ms()))
        return;
    log_warn("link.key_refused", "address=%s key=%s err=%s", LOG_Q(address), LOG_Q(key),
             LOG_Q(s_why(key, roles)));
}

/* Writes who it is, and returns the roles. */
static unsigned s_prove(char frames[ZAP_FRAMES][FRAME], const size_t len[ZAP_FRAMES],
                        char key[KEY_TEXT])
{
    if (strcmp(frames[ZAP_MECHANISM], "CURVE") == 0 && len[ZAP_KEY] == 32) {
        zmq_z85_encode(key, (uint8_t *)frames[ZAP_KEY], 32);
        return allowed_roles(key);
    }
    if (strcmp(frames[ZAP_MECHANISM], "NULL") == 0) /* ipc: nothing else has it with a domain */
        uid_proof(frames[ZAP_ADDRESS], key);
    return *key ? uid_roles(key) : 0;
}

static void *s_run(void *arg)
{
    (void)arg;
    for (;;) {
        char frames[ZAP_FRAMES][FRAME] = {{0}};
        size_t len[ZAP_FRAMES] = {0};
        char key[KEY_TEXT] = "";
        unsigned roles = 0, wanted = 0;
        if (s_receive(frames, len) &&
            strncmp(frames[ZAP_DOMAIN], ZAP_DOMAIN_PREFIX, strlen(ZAP_DOMAIN_PREFIX)) == 0) {
            wanted = (unsigned)atoi(frames[ZAP_DOMAIN] + strlen(ZAP_DOMAIN_PREFIX));
            roles = s_prove(frames, len, key);
        }
        bool allowed = (roles & wanted) != 0;
        if (!allowed)
            s_refuse(key, frames[ZAP_ADDRESS], roles);
        s_answer(frames[ZAP_SEQUENCE], len[ZAP_SEQUENCE], allowed, key);
    }
    return NULL;
}

static void s_start(void)
{
    pthread_t thread;
    s_socket = zmq_socket(link_context(), ZMQ_REP);
    if (!s_socket || zmq_bind(s_socket, "inproc://zeromq.zap.01") != 0 ||
        pthread_create(&thread, NULL, s_run, NULL) != 0)
        log_fatal(EXIT_FAULT, "link.zap", "err=%s", LOG_Q("cannot start the CURVE check"));
    pthread_detach(thread);
}

void zap_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, s_start);
}
