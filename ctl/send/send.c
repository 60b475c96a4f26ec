/* posternctl send …: posts a message as a sender would. */
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

/* What comes by stdin, without the line's end behind it, where TEXT is - or left out. The caller's;
 * NULL after the error was shown. */
static char *s_stdin(ctl_t *ctl, size_t *len)
{
    char *text = isatty(STDIN_FILENO) ? NULL : credential_read_file("-", SEND_BYTES, len);
    if (!text && !isatty(STDIN_FILENO)) {
        ctl_error(ctl, "failed", "cannot read stdin: %s", strerror(errno));
        return NULL;
    }
    while (text && *len && (text[*len - 1] == '\n' || text[*len - 1] == '\r'))
        text[--*len] = '\0';
    if (text && *len)
        return text;
    free(text);
    fputs("posternctl: give either TEXT or --body FILE, or the text by stdin\n", stderr);
    exit(CTL_USAGE);
}

/* The body: the bytes of --body, or {"text": TEXT}. The caller's; NULL after the error was shown.
 */
static char *s_body(ctl_t *ctl, size_t *len)
{
    const char *file = ctl_option(ctl, "--body"), *text = ctl_argument(ctl, 1);
    char *read = NULL;
    if (file && text) {
        fputs("posternctl: give either TEXT or --body FILE\n", stderr);
        exit(CTL_USAGE);
    }
    if (file) {
        char *body = credential_read_file(file, SEND_BYTES, len);
        if (!body)
            ctl_error(ctl, "failed", "cannot read %s: %s", file, strerror(errno));
        return body;
    }
    if (!text || strcmp(text, "-") == 0) {
        if (!(read = s_stdin(ctl, len)))
            return NULL;
    } else {
        *len = strlen(text);
    }
    json_t *message = json_pack("{s:s%}", "text", read ? read : text, *len);
    free(read);
    char *body = message ? json_dumps(message, JSON_COMPACT) : NULL;
    if (!body)
        ctl_error(ctl, "failed", "TEXT is not UTF-8");
    *len = body ? strlen(body) : 0;
    json_decref(message);
    return body;
}

/* Worth a second try: no answer, or one that says "later". The key makes it safe. */
static bool s_may_pass(const http_reply_t *reply)
{
    return reply->status == 0 || reply->status == 429 || reply->status >= 500;
}

static void s_send_twice(call_t *call, const char *body, size_t len, http_reply_t *reply)
{
    call_send(call, "POST", "", body, len, reply);
    if (!s_may_pass(reply))
        return;
    unsigned wait = reply->retry_after_s ? reply->retry_after_s : 1;
    if (wait > SEND_WAIT_MAX_S)
        wait = SEND_WAIT_MAX_S;
    nanosleep(&(struct timespec){.tv_sec = wait}, NULL);
    http_reply_clear(reply);
    call_send(call, "POST", "", body, len, reply);
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

int send_run(ctl_t *ctl)
{
    char made[UUID_TEXT], header[300];
    uuid_t7 id;
    uuid_new(&id);
    uuid_text(&id, made);
    const char *key = ctl_option(ctl, "--key") ? ctl_option(ctl, "--key") : made;
    if (!s_key_is_good(key)) {
        fputs("posternctl: --key takes 1 to 255 printable ASCII characters\n", stderr);
        return CTL_USAGE;
    }
    snprintf(header, sizeof header, "Idempotency-Key: %s", key);
    size_t len;
    char *body = s_body(ctl, &len);
    call_t *call = body ? call_new(ctl) : NULL;
    int status = CTL_REFUSED;
    if (call) {
        http_reply_t reply;
        call_header(call, "Content-Type: application/json");
        call_header(call, header);
        s_send_twice(call, body, len, &reply);
        status = reply.status >= 200 && reply.status < 300 ? s_print(ctl, &reply, key)
                                                           : call_failed(call, &reply);
        http_reply_clear(&reply);
    }
    call_destroy(&call);
    free(body);
    return status;
}
