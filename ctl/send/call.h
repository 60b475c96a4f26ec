/* A call of a sender's operation: over HTTP as a sender makes it, with the target looked up, the
 * token read and the URL made; or, without a webhook token and with an admin listener's URL, there,
 * with a session or a management token; or, where the operation reads and none of these is
 * given, over the control socket of this machine, which needs no token. Used by send, history,
 * tail, export, import, delivery, dlq, outlet, format replay and counts. */
#ifndef POSTERN_CTL_SEND_CALL_H
#define POSTERN_CTL_SEND_CALL_H

#include "ctl/ctl.h"
#include "ctl/http.h"

typedef struct call call_t;

/* For the command's operation and target. An extension's name is looked up at authd, which gives
 * app-id and appkey; an app-id (digits) is used as it is, with $POSTERN_APPKEY. NULL after the
 * error was shown. */
call_t *call_new(ctl_t *ctl);
/* For another operation, of TARGET. */
call_t *call_of(ctl_t *ctl, unsigned op, const char *target);
/* Another operation of the same target by the same door with the same credential, which the call
 * has: the command's is not looked at. */
call_t *call_also(const call_t *self, unsigned op);
void call_destroy(call_t **self_p);

/* Puts NUMBER where the path of an operation names a delivery. */
void call_number(call_t *self, const char *number);

/* Of a call over HTTP: its URL, which may hold a secret, and the header with the token. */
const char *call_url(const call_t *self);
const char *call_authorization(const call_t *self);

/* Adds "Name: value" (borrowed until the call is destroyed). */
void call_header(call_t *self, const char *header);

/* The reads from here on are pages of one reading: over the control socket they are one row of the
 * audit. */
void call_follow(call_t *self);

/* Reads, with PARAMS (an object of texts and numbers; taken) as the operation's parameters: the
 * answer's object, the caller's, or NULL after the error was shown. */
json_t *call_read(call_t *self, const char *method, json_t *params);

/* Sets PARAM of PARAMS to the time that OPTION of the command gives, as RFC 3339, where it was
 * given: the same time however long the reading takes. Exits with CTL_USAGE when it is none. */
void call_time(const ctl_t *ctl, const char *option, const char *param, json_t *params);

/* Makes the request over HTTP, with QUERY ("limit=10", "" for none) added to the URL. */
void call_send(call_t *self, const char *method, const char *query, const char *body, size_t len,
               http_reply_t *reply);

/* Shows why a reply is no success. Returns CTL_REFUSED. */
int call_failed(const call_t *self, const http_reply_t *reply);

#endif
