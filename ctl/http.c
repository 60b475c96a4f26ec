#include "ctl/http.h"

#include "ctl/libcurl.h"

#include <assert.h>
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
    if (!share && (share = libcurl()->share_init()))
        libcurl()->share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    return share;
}

void http_prepare(void *curl, const char *url)
{
    libcurl()->easy_setopt(curl, CURLOPT_URL, url);
    libcurl()->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    libcurl()->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    libcurl()->easy_setopt(curl, CURLOPT_USERAGENT, "posternctl/" POSTERN_VERSION);
    if (s_is_loopback(url))
        libcurl()->easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

static void s_options(CURL *curl, const http_request_t *request, http_reply_t *reply)
{
    http_prepare(curl, request->url);
    libcurl()->easy_setopt(curl, CURLOPT_SHARE, s_share());
    libcurl()->easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    libcurl()->easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
    libcurl()->easy_setopt(curl, CURLOPT_WRITEFUNCTION, s_on_body);
    libcurl()->easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    libcurl()->easy_setopt(curl, CURLOPT_HEADERFUNCTION, s_on_header);
    libcurl()->easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    if (request->body) {
        libcurl()->easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        libcurl()->easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
}

void http_request(const http_request_t *request, http_reply_t *reply)
{
    char error[CURL_ERROR_SIZE] = "";
    memset(reply, 0, sizeof *reply);
    CURL *curl = libcurl()->easy_init();
    assert(curl);
    struct curl_slist *headers = libcurl()->slist_append(NULL, "Expect:");
    for (unsigned i = 0; request->headers[i]; i++)
        headers = libcurl()->slist_append(headers, request->headers[i]);
    s_options(curl, request, reply);
    libcurl()->easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    libcurl()->easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    CURLcode rc = libcurl()->easy_perform(curl);
    if (rc == CURLE_OK)
        libcurl()->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    else
        snprintf(reply->error, sizeof reply->error, "%s",
                 *error ? error : libcurl()->easy_strerror(rc));
    libcurl()->slist_free_all(headers);
    libcurl()->easy_cleanup(curl);
}

void http_reply_clear(http_reply_t *reply)
{
    free(reply->body);
    memset(reply, 0, sizeof *reply);
}
