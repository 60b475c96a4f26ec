/* TLS of a listener: 1.2 and newer, ALPN http/1.1 only. Threading: shared read-only. */
#ifndef POSTERN_GATEWAY_HTTP_TLS_H
#define POSTERN_GATEWAY_HTTP_TLS_H

#include <openssl/ssl.h>

/* Loads a PEM chain and its key, the settings tls_certificate and tls_key of SECTION; exits with
 * the reason when they cannot be used. Never freed. */
SSL_CTX *tls_new(const char *section, const char *certificate, const char *key);

#endif
