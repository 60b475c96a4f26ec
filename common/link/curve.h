/* CURVE on the socket of a link, and a watch over its handshakes. Private to common/link. */
#ifndef POSTERN_LINK_CURVE_H
#define POSTERN_LINK_CURVE_H

#include "common/link/link.h"

enum { CURVE_ADDRESS = 256 };

/* Whether the link speaks CURVE: its endpoint is tcp, and curve.secret is set. */
bool curve_applies(const link_options_t *options);

/* The endpoint without the "@NAME" that names the certificate of its server, in ADDRESS. */
const char *curve_address(const char *endpoint, char address[CURVE_ADDRESS]);

/* Sets the keys: a bound socket proves itself by curve.secret and asks the allow list for the roles
 * of its peers; a connecting one has curve.secret too, and takes only the server whose public
 * certificate is curve.servers/NAME.pub. 0, or -1 with the reason in err. */
int curve_apply(void *socket, const link_options_t *options, char *err, size_t err_size);

/* Watches the handshakes of a socket. Threading: the link's thread. */
typedef struct curve_watch curve_watch_t;
curve_watch_t *curve_watch_new(void *socket, const link_options_t *options);
void curve_watch_destroy(curve_watch_t **self_p);

/* Logs and counts the handshakes that have failed since the last call. A connecting socket whose
 * handshakes fail, or that was told that its key is not allowed, connects anew, at most each
 * second, with its certificates read again: libzmq itself never tries again after a refusal, and
 * keys change while processes run. LINKED: the peer is there. */
void curve_watch_tick(curve_watch_t *self, bool linked, int64_t now_ms);
/* To be called when the peer has refused us by GOODBYE. */
void curve_watch_refused(curve_watch_t *self);

/* Starts the thread that answers the ZAP requests (RFC 27/ZAP) of this process; any thread, and
 * later calls do nothing. A socket's ZAP domain is ZAP_DOMAIN and the bit set of the keys' roles in
 * decimal. */
void zap_start(void);
#define ZAP_DOMAIN_PREFIX "postern."

#endif
