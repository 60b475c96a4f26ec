/* Whether a text is an RSA key that a worker can sign with. Threading: any thread. */
#ifndef POSTERN_AUTHD_MANAGE_RSA_KEY_H
#define POSTERN_AUTHD_MANAGE_RSA_KEY_H

#include "common/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* An RSA private key of 2048 to 8192 bits in PEM (PKCS #8 or PKCS #1), not encrypted. False with
 * the reason, which holds nothing of the text, in err. */
bool rsa_key_check(slice_t pem, char *err, size_t err_size);

#endif
