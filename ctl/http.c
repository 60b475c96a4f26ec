#include "ctl/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HTTP_BODY_MAX = 32 << 20 };

static size_t s_on_body(char *data, size_t size, size_t count, void *arg)
{
    http_reply_t *reply = arg;
    size_t len = size * count;
    if (len > HTTP_BODY_MAX - reply->body_len)
        return 0;
    reply->body = realloc(reply->body, reply->body_len + len + 1);
    assert(reply->body);
    memcpy(reply->body + reply->body_len, data, len);
    reply->body_len += len;
    reply->body[reply->body_len] = '\0';
    return len;
}

void http_retry_after(const char *line, size_t len, unsigned *seconds)
{
    static const char name[] = "retry-after:";
    char text[16];
    if (len <= sizeof name || strncasecmp(line, name, sizeof name - 1) != 0)
        return;
    snprintf(text, sizeof text, "%.*s", (int)(len - sizeof name + 1), line + sizeof name - 1);
    *seconds = (unsigned)strtoul(text, NULL, 10);
}

static size_t s_on_header(char *data, size_t size, size_t count, void *arg)
{
    http_reply_t *reply = arg;
    http_retry_after(data, size * count, &reply->retry_after_s);
    return size * count;
}

/* A proxy of the environment is for the world outside, and knows another 127.0.0.1. */
static bool s_is_loopback(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncmp(host, "localhost", 9) == 0;
}

/* Connections, from one request to the next. */
static CURLSH *s_share(void)
{
    static CURLSH *share;
    if (!share && (share = curl_share_init()))
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    return share;
}

void http_prepare(void *curl, const char *url)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "posternctl/" POSTERN_VERSION);
    if (s_is_loopback(url))
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

static void s_options(CURL *curl, const http_request_t *request, http_reply_t *reply)
{
    http_prepare(curl, request->url);
    curl_easy_setopt(curl, CURLOPT_SHARE, s_share());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, s_on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, s_on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    if (request->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
}

/* A request on its way. */
typedef struct {
    CURL *curl;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
} transfer_t;

static void s_begin(transfer_t *transfer, CURLM *multi, const http_request_t *request,
                    http_reply_t *reply)
{
    memset(reply, 0, sizeof *reply);
    transfer->curl = curl_easy_init();
    assert(transfer->curl);
    transfer->headers = curl_slist_append(NULL, "Expect:");
    for (unsigned i = 0; request->headers[i]; i++)
        transfer->headers = curl_slist_append(transfer->headers, request->headers[i]);
    s_options(transfer->curl, request, reply);
    curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(transfer->curl, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(transfer->curl, CURLOPT_PRIVATE, (char *)reply);
    CURLMcode rc = curl_multi_add_handle(multi, transfer->curl);
    assert(rc == CURLM_OK);
}

static void s_end(const CURLMsg *message)
{
    char *private = NULL;
    curl_off_t connected_us = 0;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
    http_reply_t *reply = (http_reply_t *)private;
    CURLcode rc = message->data.result;
    if (rc == CURLE_OK) {
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &reply->status);
        return;
    }
    snprintf(reply->error, sizeof reply->error, "%s", curl_easy_strerror(rc));
    curl_easy_getinfo(message->easy_handle, CURLINFO_CONNECT_TIME_T, &connected_us);
    reply->mute = rc == CURLE_OPERATION_TIMEDOUT && connected_us > 0;
}

void http_request_all(const http_request_t *requests, http_reply_t *replies, size_t len)
{
    int running = 0, left;
    CURLM *multi = curl_multi_init();
    transfer_t *transfers = calloc(len, sizeof *transfers);
    assert(multi && transfers);
    for (size_t i = 0; i < len; i++)
        s_begin(&transfers[i], multi, &requests[i], &replies[i]);
    do {
        CURLMcode rc = curl_multi_perform(multi, &running);
        assert(rc == CURLM_OK);
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));)
            s_end(message);
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    } while (running);
    for (size_t i = 0; i < len; i++) {
        if (replies[i].status == 0 && *transfers[i].error)
            snprintf(replies[i].error, sizeof replies[i].error, "%s", transfers[i].error);
        curl_multi_remove_handle(multi, transfers[i].curl);
        curl_slist_free_all(transfers[i].headers);
        curl_easy_cleanup(transfers[i].curl);
    }
    curl_multi_cleanup(multi);
    free(transfers);
}

void http_request(const http_request_t *request, http_reply_t *reply)
{
    http_request_all(request, reply, 1);
}

void http_reply_clear(http_reply_t *reply)
{
    free(reply->body);
    memset(reply, 0, sizeof *reply);
}
