/* The limits of requests and connections that the settings have. Threading: any thread. */
#ifndef POSTERN_GATEWAY_LIMITS_H
#define POSTERN_GATEWAY_LIMITS_H

#include "common/conf/conf.h"
#include "gateway/http/listener.h"
#include "gateway/read/request.h"

request_limits_t limits_request(const conf_t *conf);
listener_limits_t limits_listener(const conf_t *conf);
/* A listener_limits_t's body_most. */
size_t limits_body_most(const void *reader, slice_t head);
/* Makes libh2o's configuration: the intake (gateway/http) has bounds of its own in place of most.
 */
void limits_libh2o(const conf_t *conf, h2o_globalconf_t *http);

#endif
