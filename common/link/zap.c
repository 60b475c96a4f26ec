#include "common/link/socket.h"

#include "common/log/log.h"

#include <czmq.h>
#include <pthread.h>

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

static struct {
    void *socket;
    zcertstore_t *store;
} s_zap;

/* Reads one request; false when a frame is missing or too many came. */
static bool s_receive(char frames[ZAP_FRAMES][FRAME], size_t len[ZAP_FRAMES])
{
    unsigned count = 0;
    int more = 1;
    size_t more_size = sizeof more;
    while (more) {
        char spare[FRAME];
        char *to = count < ZAP_FRAMES ? frames[count] : spare;
        int got = zmq_recv(s_zap.socket, to, FRAME - 1, 0);
        if (got < 0)
            return false;
        if (count < ZAP_FRAMES)
            len[count] = (size_t)(got < FRAME - 1 ? got : FRAME - 1);
        to[got < FRAME - 1 ? got : FRAME - 1] = '\0';
        count++;
        zmq_getsockopt(s_zap.socket, ZMQ_RCVMORE, &more, &more_size);
    }
    return count == ZAP_FRAMES;
}

static void s_answer(const char *sequence, size_t sequence_len, bool allowed, const char *user)
{
    const char *status = allowed ? "200" : "400";
    const char *text = allowed ? "OK" : "No access";
    zmq_send(s_zap.socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(s_zap.socket, sequence, sequence_len, ZMQ_SNDMORE);
    zmq_send(s_zap.socket, status, 3, ZMQ_SNDMORE);
    zmq_send(s_zap.socket, text, strlen(text), ZMQ_SNDMORE);
    zmq_send(s_zap.socket, user, strlen(user), ZMQ_SNDMORE);
    zmq_send(s_zap.socket, "", 0, 0);
}

static void *s_run(void *arg)
{
    (void)arg;
    for (;;) {
        char frames[ZAP_FRAMES][FRAME] = {{0}};
        size_t len[ZAP_FRAMES] = {0};
        char key[41] = "";
        bool whole = s_receive(frames, len);
        bool allowed = whole && strcmp(frames[ZAP_MECHANISM], "CURVE") == 0 && len[ZAP_KEY] == 32;
        if (allowed) {
            zmq_z85_encode(key, (uint8_t *)frames[ZAP_KEY], 32);
            allowed = zcertstore_lookup(s_zap.store, key) != NULL;
        }
        if (!allowed)
            log_warn("link.curve_refused", "address=%s key=%s", LOG_Q(frames[ZAP_ADDRESS]),
                     LOG_Q(key));
        s_answer(frames[ZAP_SEQUENCE], len[ZAP_SEQUENCE], allowed, key);
    }
    return NULL;
}

void zap_start(const char *directory)
{
    if (s_zap.socket)
        return;
    s_zap.store = zcertstore_new(directory);
    s_zap.socket = zmq_socket(link_context(), ZMQ_REP);
    pthread_t thread;
    if (!s_zap.store || !s_zap.socket || zmq_bind(s_zap.socket, "inproc://zeromq.zap.01") != 0 ||
        pthread_create(&thread, NULL, s_run, NULL) != 0)
        log_fatal(EXIT_FAULT, "link.zap", "err=%s", LOG_Q("cannot start the CURVE check"));
    pthread_detach(thread);
}
