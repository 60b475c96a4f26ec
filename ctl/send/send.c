/* posternctl send …: posts a message as a sender would. */
#include "common/base/ops.h"
#include "common/base/url.h"
#include "common/base/uuid.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/json_read.h"
#include "ctl/send/call.h"
#include "ctl/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SEND_BYTES = 16 << 20, SEND_WAIT_MAX_S = 5 };

/* The bytes of FILE (- for stdin). The caller's; NULL after the error was shown. */
static char *s_read(const ctl_t *ctl, const char *file, size_t *len)
{
    char *read = credential_read_file(file, SEND_BYTES, len);
    if (!read)
        ctl_error(ctl, "failed", "cannot read %s: %s", strcmp(file, "-") == 0 ? "stdin" : file,
                  strerror(errno));
    return read;
}

__attribute__((noreturn)) static void s_wrong_usage(const ctl_t *ctl, const char *why)
{
    ctl_error(ctl, "usage", "%s", why);
    exit(CTL_USAGE);
}

/* A text that is read, without the line's end behind it, where TEXT is - or left out. The caller's;
 * NULL after the error was shown. */
static char *s_read_text(ctl_t *ctl, const char *file, size_t *len)
{
    if (strcmp(file, "-") == 0 && isatty(STDIN_FILENO))
        s_wrong_usage(ctl, "give either TEXT or --body FILE, or the text by stdin");
    char *text = s_read(ctl, file, len);
    while (text && *len && (text[*len - 1] == '\n' || text[*len - 1] == '\r'))
        text[--*len] = '\0';
    if (text && *len == 0 && strcmp(file, "-") == 0)
        s_wrong_usage(ctl, "give either TEXT or --body FILE, or the text by stdin");
    return text;
}

/* {"text": TEXT}. The caller's; NULL after the error was shown. */
static char *s_message(const ctl_t *ctl, const char *text, size_t *len)
{
    json_t *message = json_pack("{s:s%}", "text", text, *len);
    char *body = message ? json_dumps(message, JSON_COMPACT) : NULL;
    if (!body)
        ctl_error(ctl, "failed", "TEXT is not UTF-8");
    *len = body ? strlen(body) : 0;
    json_decref(message);
    return body;
}

/* The body: the bytes of --body, of stdin with --format, or {"text": TEXT}. The caller's; NULL
 * after the error was shown. */
static char *s_body(ctl_t *ctl, size_t *len)
{
    const char *bytes = ctl_option(ctl, "--body"), *file = ctl_option(ctl, "--file");
    const char *text = ctl_argument(ctl, 1);
    bool format = ctl_option(ctl, "--format") != NULL;
    if ((text != NULL) + (bytes != NULL) + (file != NULL) > 1)
        s_wrong_usage(ctl, "give one of TEXT, --body FILE and --file FILE");
    if (format && (text || file))
        s_wrong_usage(ctl, "--format takes an event, by --body FILE or by stdin");
    if (bytes || format)
        return s_read(ctl, bytes ? bytes : "-", len);
    char *read = NULL;
    if (!text || strcmp(text, "-") == 0) {
        if (!(read = s_read_text(ctl, file ? file : "-", len)))
            return NULL;
    } else {
        *len = strlen(text);
    }
    char *body = s_message(ctl, read ? read : text, len);
    free(read);
    return body;
}

/* The query, "" for none; the caller's. */
static char *s_query(const ctl_t *ctl, const char *message_key)
{
    char *query = strdup("");
    const char *format = ctl_option(ctl, "--format");
    if (!query)
        abort();
    if (format)
        url_add(&query, "format", format);
    if (message_key) {
        url_add(&query, "message_key", message_key);
        url_add(&query, "sync_message", "true");
    }
    if (*query)
        memmove(query, query + 1, strlen(query)); /* what url_add begins with */
    return query;
}

/* Worth a second try: no answer, or one that says "later". The key makes it safe. */
static bool s_may_pass(const http_reply_t *reply)
{
    return reply->status == 0 || reply->status == 429 || reply->status >= 500;
}

static void s_send_twice(call_t *call, const char *query, const char *body, size_t len,
                         http_reply_t *reply)
{
    call_send(call, "POST", query, body, len, reply);
    if (!s_may_pass(reply))
        return;
    unsigned wait = reply->retry_after_s ? reply->retry_after_s : 1;
    if (wait > SEND_WAIT_MAX_S)
        wait = SEND_WAIT_MAX_S;
    nanosleep(&(struct timespec){.tv_sec = wait}, NULL);
    http_reply_clear(reply);
    call_send(call, "POST", query, body, len, reply);
}

/* A worker of a version before message_key stores a message of its own. */
static void s_check_revision(const http_reply_t *reply)
{
    json_t *body = json_read(reply->body, reply->body_len);
    if (!json_object_get(body, "revision"))
        ctl_warn("the worker is of a version that knows no --key: the message is one of its own");
    json_decref(body);
}

static int s_print(const ctl_t *ctl, const http_reply_t *reply, const char *key)
{
    if (ctl_json(ctl)) {
        json_t *body = json_read(reply->body, reply->body_len);
        if (!body && reply->body_len > 0)
            body = table_string(reply->body);
        json_t *all = json_pack("{s:I, s:s, s:o}", "status", (json_int_t)reply->status,
                                "idempotency_key", key, "body", body ? body : json_null());
        table_json(all);
        json_decref(all);
        return CTL_OK;
    }
    printf("%ld: stored\n", reply->status);
    if (reply->body_len > 0 && strcmp(reply->body, "{}") != 0) {
        table_text(stdout, reply->body);
        putchar('\n');
    }
    return CTL_OK;
}

/* A key goes into a header line, so it may not end it. */
static bool s_key_is_good(const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++)
        if (key[i] < 0x20 || key[i] > 0x7e)
            return false;
    return len >= 1 && len <= 255;
}

static int s_send(ctl_t *ctl, call_t *call, const char *key, const char *message_key,
                  const char *body, size_t len)
{
    http_reply_t reply;
    char header[300], *query = s_query(ctl, message_key);
    snprintf(header, sizeof header, "Idempotency-Key: %s", key);
    call_header(call, "Content-Type: application/json");
    call_header(call, header);
    s_send_twice(call, query, body, len, &reply);
    bool stored = reply.status >= 200 && reply.status < 300;
    int status = stored ? s_print(ctl, &reply, key) : call_failed(call, &reply);
    if (stored && message_key)
        s_check_revision(&reply);
    http_reply_clear(&reply);
    free(query);
    return status;
}

/* Messages have a key of their own; MADE: a new one. */
static const char *s_idempotency_key(const ctl_t *ctl, bool edits, const char *made)
{
    const char *key = ctl_option(ctl, "--idempotency-key");
    if (!key && !edits)
        key = ctl_option(ctl, "--key");
    if (!key)
        key = made;
    if (!s_key_is_good(key))
        s_wrong_usage(ctl, "an idempotency key has 1 to 255 printable ASCII characters");
    return key;
}

int send_run(ctl_t *ctl)
{
    char made[UUID_TEXT];
    uuid_t7 id;
    size_t len;
    bool edits = ctl_command(ctl)->op == OP_channel_message;
    const char *message_key = edits ? ctl_option(ctl, "--key") : NULL;
    uuid_new(&id);
    uuid_text(&id, made);
    const char *key = s_idempotency_key(ctl, edits, made);
    if (message_key && !*message_key)
        s_wrong_usage(ctl, "--key takes 1 to 128 characters");
    char *body = s_body(ctl, &len);
    call_t *call = body ? call_new(ctl) : NULL;
    int status = call ? s_send(ctl, call, key, message_key, body, len) : CTL_REFUSED;
    call_destroy(&call);
    free(body);
    return status;
}
