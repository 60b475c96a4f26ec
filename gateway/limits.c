#include "gateway/limits.h"
#include "gateway/http/own_sprintf.h"

request_limits_t limits_request(const conf_t *conf)
{
    return (request_limits_t){
        .body_bytes = conf_uint(conf, SET_gateway_body_bytes),
        .event_bytes = conf_uint(conf, SET_gateway_incoming_body_bytes),
        .head_bytes = conf_uint(conf, SET_gateway_head_bytes),
        .headers = (unsigned)conf_uint(conf, SET_gateway_headers),
        .parameters = (unsigned)conf_uint(conf, SET_gateway_parameters),
    };
}

listener_limits_t limits_listener(const conf_t *conf)
{
    return (listener_limits_t){.head_bytes = conf_uint(conf, SET_gateway_head_bytes),
                               .body_bytes = conf_uint(conf, SET_gateway_body_bytes),
                               .read_ms = (int64_t)conf_uint(conf, SET_gateway_read_ms)};
}

void limits_libh2o(const conf_t *conf, h2o_globalconf_t *http)
{
    own_sprintf_keep();
    h2o_config_init(http);
    http->server_name = (h2o_iovec_t){(char *)"", 0};
    uint64_t most = conf_uint(conf, SET_gateway_body_bytes),
             event = conf_uint(conf, SET_gateway_incoming_body_bytes);
    http->max_request_entity_size = most > event ? most : event;
    http->http1.req_timeout = INT32_MAX; /* the intake has its own, by a clock that never jumps */
    http->http1.upgrade_to_http2 = 0;
}

size_t limits_body_most(const void *reader, slice_t head)
{
    return request_body_most(reader, head);
}
