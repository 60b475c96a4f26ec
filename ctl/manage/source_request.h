/* A caught request, read back from files for posternctl source check. Threading: one thread. */
#ifndef POSTERN_CTL_MANAGE_SOURCE_REQUEST_H
#define POSTERN_CTL_MANAGE_SOURCE_REQUEST_H

#include "common/source/request.h"

/* Fills headers, params and url of REQUEST, and its body from stdin, byte for byte. HEADERS names a
 * file of lines "Name: value", as curl -i or a proxy's log has them; a line in front without a
 * colon is passed over. URL may be NULL. False with the reason in err. source_request_free in
 * either case.
 */
bool source_request_read(source_request_t *request, const char *headers, const char *url, char *err,
                         size_t err_size);
void source_request_free(source_request_t *request);

#endif
