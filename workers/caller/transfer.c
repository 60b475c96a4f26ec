#include "workers/caller/transfer.h"

#include "common/base/clock.h"
#include "common/base/http_url.h"
#include "workers/caller/schedule.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RECEIVE_BYTES = 8192, /* libcurl's buffer of each handle; an answer is small as a rule */
    KEPT_S = 600,         /* how long a connection is used again */
    KNOWN_S = 60,         /* how long the addresses of a name are */
};

static bool s_is_lack(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* What libcurl and the C library open (to look a name up, to read the authorities) fails without a
 * word of why: so it is seen whether there is a descriptor. */
static bool s_is_starved(const transfer_t *self)
{
    if (self->starved)
        return true;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return s_is_lack(errno);
    close(fd);
    return false;
}

/* Before a name is looked up that libcurl does not remember. */
static int s_on_look_up(void *resolver, void *reserved, void *arg)
{
    transfer_t *self = arg;
    (void)resolver;
    (void)reserved;
    if (self->url.is_address || self->lookup)
        return 0;
    self->lookup = lookups_begin(self->lookups, &self->call->owner_id, self->url.host, clock_ms(),
                                 &self->joined, &self->no_place);
    return self->lookup == 0;
}

static void s_end_look_up(transfer_t *self, bool lingers)
{
    if (self->lookup)
        lookups_end(self->lookups, self->lookup, lingers, clock_ms());
    self->lookup = 0;
}

/* The guard: libcurl asks for a socket to an address that it has resolved. */
static curl_socket_t s_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    transfer_t *self = arg;
    (void)purpose;
    s_end_look_up(self, false);
    self->refusal = egress_refusal(self->egress, &to->addr);
    if (self->refusal) {
        address_t address;
        if (address_of(&to->addr, &address))
            address_text(&address, self->call->address);
        return CURL_SOCKET_BAD;
    }
    self->opened = true;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
    self->starved |= fd < 0 && s_is_lack(errno);
    return fd;
}

static size_t s_on_body(char *data, size_t size, size_t count, void *arg)
{
    transfer_t *self = arg;
    call_t *call = self->call;
    size_t len = size * count, room = CALL_ANSWER_MAX - call->answer_len;
    self->too_large = len > room;
    size_t kept = self->too_large ? room : len;
    call->answer = realloc(call->answer, call->answer_len + kept + 1);
    if (!call->answer)
        abort();
    memcpy(call->answer + call->answer_len, data, kept);
    call->answer_len += kept;
    call->answer[call->answer_len] = '\0';
    return kept;
}

/* Called with each line. Interim answers (1xx) count too: a server could send them without end. */
static size_t s_on_head(char *data, size_t size, size_t count, void *arg)
{
    transfer_t *self = arg;
    self->head_len += size * count;
    self->head_ended = *data == '\r' || *data == '\n';
    self->too_large = self->head_len > CALL_ANSWER_MAX;
    return self->too_large ? 0 : size * count;
}

static void s_set(CURLcode code)
{
    assert(code == CURLE_OK);
}

static void s_set_reach(CURL *easy)
{
    s_set(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
    s_set(curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L));
    s_set(curl_easy_setopt(easy, CURLOPT_PROXY, ""));
    s_set(curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"));
    s_set(curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED));
    s_set(curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L));
}

static void s_set_limits(CURL *easy)
{
    s_set(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    s_set(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    s_set(curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L));
    s_set(curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES));
    s_set(curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)KEPT_S));
    /* A call that times out while its name is looked up must not wait for the name server: all
     * others would wait with it. The look-up's thread cleans up behind itself. */
    s_set(curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L));
}

static void s_set_trust(CURL *easy, const char *authorities)
{
    s_set(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L));
    s_set(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L));
    s_set(curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    s_set(curl_easy_setopt(easy, CURLOPT_CAINFO, authorities));
    /* With a directory of them, libcurl would read all authorities anew for each connection. */
    s_set(curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
}

static void s_set_up(transfer_t *self)
{
    CURL *easy = self->easy;
    s_set_reach(easy);
    s_set_limits(easy);
    s_set_trust(easy, self->authorities);
    s_set(curl_easy_setopt(easy, CURLOPT_POST, 1L));
    s_set(curl_easy_setopt(easy, CURLOPT_USERAGENT, "Postern/" POSTERN_VERSION));
    s_set(curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, s_on_look_up));
    s_set(curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, self));
    s_set(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, s_open));
    s_set(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, self));
    s_set(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, s_on_body));
    s_set(curl_easy_setopt(easy, CURLOPT_WRITEDATA, self));
    s_set(curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, s_on_head));
    s_set(curl_easy_setopt(easy, CURLOPT_HEADERDATA, self));
    s_set(curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->error));
    s_set(curl_easy_setopt(easy, CURLOPT_PRIVATE, self));
}

transfer_t *transfer_new(const egress_t *egress, const char *authorities, lookups_t *lookups)
{
    transfer_t *self = calloc(1, sizeof *self);
    if (!self || !(self->easy = curl_easy_init()))
        abort();
    self->egress = egress;
    self->authorities = authorities;
    self->lookups = lookups;
    s_set_up(self);
    return self;
}

void transfer_destroy(transfer_t **self_p)
{
    transfer_t *self = *self_p;
    if (!self)
        return;
    assert(!self->call);
    curl_easy_cleanup(self->easy);
    free(self);
    *self_p = NULL;
}

bool transfer_begin(transfer_t *self, call_t *call, bool forgets)
{
    assert(!self->call && !self->lookup && call->timeout_ms > 0);
    if (!http_url_parse(slice_of(call->url), &self->url, call->reason, sizeof call->reason)) {
        call->outcome = CALL_URL;
        return false;
    }
    /* libcurl counts how often a kept connection was dead over the whole life of a handle, and
     * gives up at five (Curl_retry_request, 7.88). Only a call that opened a connection can have
     * raised the count. */
    if (self->opened) {
        curl_easy_reset(self->easy);
        s_set_up(self);
    }
    self->call = call;
    int64_t parked_ms = call->parked_ms ? clock_ms() - call->parked_ms : 0;
    long left_ms = (long)call->timeout_ms - (long)parked_ms;
    self->started_us = clock_us() - parked_ms * 1000;
    self->head_len = 0;
    self->too_large = self->opened = self->head_ended = self->starved = false;
    self->joined = 0;
    self->no_place = NULL;
    self->refusal = NULL;
    self->error[0] = '\0';
    self->forgets = forgets;
    s_set(curl_easy_setopt(self->easy, CURLOPT_DNS_CACHE_TIMEOUT, forgets ? (long)KNOWN_S : -1L));
    s_set(curl_easy_setopt(self->easy, CURLOPT_URL, call->url));
    s_set(curl_easy_setopt(self->easy, CURLOPT_CUSTOMREQUEST, call->method));
    s_set(curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, call->headers));
    s_set(curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len));
    s_set(curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, call->body));
    s_set(curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, left_ms > 0 ? left_ms : 1L));
    return true;
}

/* An answer past the limits is cut, and its status counts all the same: the handler has said what
 * it thinks of the event. */
static call_outcome_t s_cut(int status)
{
    return status >= 200 ? CALL_ANSWERED : CALL_TOO_LARGE;
}

static call_outcome_t s_outcome(const transfer_t *self, CURLcode code)
{
    if (self->no_place)
        return CALL_NO_PLACE;
    if (code != CURLE_OK && self->call->status == 0 && !self->joined && s_is_starved(self))
        return CALL_STARVED;
    switch (code) {
    case CURLE_OK:
        /* To libcurl, a head that is cut off is an answer. */
        return self->head_ended ? CALL_ANSWERED : CALL_CLOSED;
    case CURLE_URL_MALFORMAT:
        return CALL_URL;
    case CURLE_COULDNT_RESOLVE_HOST:
        return CALL_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return self->refusal && !self->opened ? CALL_FORBIDDEN_ADDRESS : CALL_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return CALL_TIMEOUT;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return CALL_CLOSED;
    case CURLE_WRITE_ERROR:
        return self->too_large ? s_cut(self->call->status) : CALL_PROTOCOL;
    case CURLE_OUT_OF_MEMORY: /* what libcurl says of a line past its own limit, 100 KiB, as well */
        return s_cut(self->call->status);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_ENGINE_INITFAILED:
        return CALL_TLS;
    default:
        return CALL_PROTOCOL;
    }
}

static void s_reason(const transfer_t *self, CURLcode code)
{
    call_t *call = self->call;
    switch (call->outcome) {
    case CALL_ANSWERED:
        call->reason[0] = '\0'; /* it may have been turned away before */
        break;
    case CALL_NO_PLACE:
        snprintf(call->reason, sizeof call->reason, "%s", self->no_place);
        break;
    case CALL_FORBIDDEN_ADDRESS:
        snprintf(call->reason, sizeof call->reason,
                 "%s must not be called (%s); delivery.allow names what may be", call->address,
                 self->refusal);
        break;
    case CALL_STARVED:
        snprintf(call->reason, sizeof call->reason,
                 "this process has no descriptor for a call: raise its limit (LimitNOFILE)");
        break;
    case CALL_TOO_LARGE:
        snprintf(call->reason, sizeof call->reason, "%d bytes came, and no status of an answer",
                 CALL_ANSWER_MAX);
        break;
    case CALL_CLOSED:
        if (code == CURLE_OK) {
            snprintf(call->reason, sizeof call->reason, "the answer's head was cut off");
            break;
        }
        /* fall through */
    default:
        snprintf(call->reason, sizeof call->reason, "%.*s", (int)sizeof call->reason - 1,
                 *self->error ? self->error : curl_easy_strerror(code));
    }
}

static slice_t s_header(const transfer_t *self, const char *name)
{
    struct curl_header *header;
    CURLHcode code = curl_easy_header(self->easy, name, 0, CURLH_HEADER, -1, &header);
    return code == CURLHE_OK ? slice_of(header->value) : slice(NULL, 0);
}

/* What a Retry-After date is measured against is the answer's own date, which may be as wrong. */
static int64_t s_retry_after_s(const transfer_t *self)
{
    slice_t value = s_header(self, "Retry-After");
    if (value.len == 0)
        return -1;
    int64_t now_s = schedule_http_date_s(s_header(self, "Date"));
    return schedule_retry_after_s(value, now_s >= 0 ? now_s : clock_wall_ms() / 1000);
}

/* False: it has no place. */
static bool s_keep_line(call_t *call, const struct curl_header *header)
{
    enum { BETWEEN = 2 }; /* ": " */
    size_t len = strlen(header->name) + BETWEEN + strlen(header->value) + 1;
    if (call->head_len + len > CALL_HEAD_MAX)
        return false;
    if (!call->head && !(call->head = malloc(CALL_HEAD_MAX)))
        abort();
    snprintf(call->head + call->head_len, len, "%s: %s", header->name, header->value);
    call->head_len += len;
    return true;
}

static void s_keep_head(transfer_t *self)
{
    call_t *call = self->call;
    struct curl_header *header = NULL;
    while (!call->head_cut && (header = curl_easy_nextheader(self->easy, CURLH_HEADER, -1, header)))
        call->head_cut = !s_keep_line(call, header);
}

call_t *transfer_end(transfer_t *self, CURLcode code)
{
    call_t *call = self->call;
    const char *type = NULL, *address = NULL;
    long status = 0;
    s_end_look_up(self, code == CURLE_OPERATION_TIMEDOUT);
    call->duration_us = clock_us() - self->started_us;
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(self->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(self->easy, CURLINFO_PRIMARY_IP, &address);
    call->status = (int)status;
    call->outcome = s_outcome(self, code);
    call->retry_after_s = status ? s_retry_after_s(self) : -1;
    if (status)
        s_keep_head(self);
    snprintf(call->content_type, sizeof call->content_type, "%s", type ? type : "");
    if (call->outcome != CALL_FORBIDDEN_ADDRESS)
        snprintf(call->address, sizeof call->address, "%s", address ? address : "");
    s_reason(self, code);
    self->call = NULL;
    return call;
}
