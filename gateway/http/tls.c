#include "gateway/http/tls.h"

#include "common/log/log.h"

#include <h2o.h>
#include <openssl/err.h>

static void s_fail(const char *section, const char *what, const char *path)
{
    char reason[256];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    log_fatal(EXIT_CONFIG, "tls.load", "section=%s what=%s path=%s err=%s", section, what,
              LOG_Q(path), LOG_Q(reason));
}

SSL_CTX *tls_new(const char *section, const char *certificate, const char *key)
{
    static const h2o_iovec_t protocols[] = {{(char *)"http/1.1", 8}, {NULL, 0}};
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        s_fail(section, "context", "");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_max_early_data(ctx, 0);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* 32 KiB of each idle connection */
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"postern", 7);
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        s_fail(section, "tls_certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        s_fail(section, "tls_key", key);
    if (SSL_CTX_check_private_key(ctx) != 1)
        s_fail(section, "tls_key does not belong to tls_certificate", key);
    h2o_ssl_register_alpn_protocols(ctx, protocols);
    return ctx;
}
