#include "ctl/http_lines.h"

#include "ctl/http.h"
#include "ctl/libcurl.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { BODY = 64 << 10, LINE = 64 << 20 };

typedef struct answer {
    LIST_ENTRY(answer) link;
    http_lines_t *lines;
    CURL *curl;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
    char *text; /* of a line that is not whole, or the body of a refusal */
    size_t len, room;
    unsigned retry_s;
    void *arg;
} answer_t;

struct http_lines {
    CURLM *multi;
    http_lines_calls_t calls;
    LIST_HEAD(, answer) answers;
};

http_lines_t *http_lines_new(const http_lines_calls_t *calls)
{
    http_lines_t *self = calloc(1, sizeof *self);
    assert(self);
    self->calls = *calls;
    self->multi = libcurl()->multi_init();
    assert(self->multi);
    return self;
}

static void s_free(answer_t *answer)
{
    LIST_REMOVE(answer, link);
    libcurl()->multi_remove_handle(answer->lines->multi, answer->curl);
    libcurl()->slist_free_all(answer->headers);
    libcurl()->easy_cleanup(answer->curl);
    free(answer->text);
    free(answer);
}

void http_lines_destroy(http_lines_t **self_p)
{
    http_lines_t *self = *self_p;
    if (!self)
        return;
    while (!LIST_EMPTY(&self->answers))
        s_free(LIST_FIRST(&self->answers));
    libcurl()->multi_cleanup(self->multi);
    free(self);
    *self_p = NULL;
}

static void s_append(answer_t *self, const char *data, size_t len)
{
    if (self->room - self->len < len + 1) {
        self->room = 2 * self->room + len + 1;
        self->text = realloc(self->text, self->room);
        assert(self->text);
    }
    memcpy(self->text + self->len, data, len);
    self->len += len;
    self->text[self->len] = '\0';
}

static void s_give_lines(answer_t *self)
{
    size_t at = 0;
    for (char *end; at < self->len && (end = memchr(self->text + at, '\n', self->len - at));) {
        *end = '\0';
        self->lines->calls.line(self->arg, self->text + at, (size_t)(end - self->text) - at);
        at = (size_t)(end - self->text) + 1;
    }
    memmove(self->text, self->text + at, self->len - at);
    self->len -= at;
}

static size_t s_on_body(char *data, size_t size, size_t count, void *arg)
{
    answer_t *self = arg;
    size_t len = size * count;
    long status = 0;
    libcurl()->easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &status);
    if (self->len + len > (status == 200 ? LINE : BODY))
        return 0;
    s_append(self, data, len);
    if (status == 200)
        s_give_lines(self);
    return len;
}

static size_t s_on_header(char *data, size_t size, size_t count, void *arg)
{
    answer_t *self = arg;
    http_retry_after(data, size * count, &self->retry_s);
    return size * count;
}

void http_lines_begin(http_lines_t *self, const char *url, const char *const *headers, void *arg)
{
    answer_t *answer = calloc(1, sizeof *answer);
    CURL *curl = libcurl()->easy_init();
    assert(answer && curl);
    *answer = (answer_t){.lines = self, .curl = curl, .arg = arg};
    for (; *headers; headers++)
        answer->headers = libcurl()->slist_append(answer->headers, *headers);
    http_prepare(curl, url);
    libcurl()->easy_setopt(curl, CURLOPT_HTTPHEADER, answer->headers);
    libcurl()->easy_setopt(curl, CURLOPT_ERRORBUFFER, answer->error);
    libcurl()->easy_setopt(curl, CURLOPT_PRIVATE, (char *)answer);
    libcurl()->easy_setopt(curl, CURLOPT_WRITEFUNCTION, s_on_body);
    libcurl()->easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    libcurl()->easy_setopt(curl, CURLOPT_HEADERFUNCTION, s_on_header);
    libcurl()->easy_setopt(curl, CURLOPT_HEADERDATA, answer);
    libcurl()->easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    libcurl()->easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    libcurl()->easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)HTTP_LINES_SILENT_S);
    LIST_INSERT_HEAD(&self->answers, answer, link);
    CURLMcode rc = libcurl()->multi_add_handle(self->multi, curl);
    assert(rc == CURLM_OK);
}

static void s_end(http_lines_t *self, const CURLMsg *message)
{
    char *private = NULL;
    long status = 0;
    libcurl()->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
    libcurl()->easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
    answer_t *answer = (answer_t *)private;
    const char *error = message->data.result == CURLE_OK ? ""
                        : *answer->error                 ? answer->error
                                         : libcurl()->easy_strerror(message->data.result);
    self->calls.ended(answer->arg, status, status != 200 && answer->text ? answer->text : "", error,
                      answer->retry_s);
    s_free(answer);
}

void http_lines_turn(http_lines_t *self, int wait_ms)
{
    int running = 0, left;
    libcurl()->multi_poll(self->multi, NULL, 0, wait_ms, NULL);
    CURLMcode rc = libcurl()->multi_perform(self->multi, &running);
    assert(rc == CURLM_OK);
    for (CURLMsg *message; (message = libcurl()->multi_info_read(self->multi, &left));)
        s_end(self, message);
}
