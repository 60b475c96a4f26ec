#include "authd/judge/case.h"

#include <assert.h>
#include <stdio.h>

void verdict_add_facts(const verdict_t *verdict, wire_reply_t *reply)
{
    if (verdict->deprecated_ms == 0)
        return;
    wire_reply_add(reply, FACT_DEPRECATION, verdict->deprecated_ms / 1000);
    wire_reply_add(reply, FACT_SUNSET, verdict->sunset_ms / 1000);
}

void verdict_reply(const verdict_t *verdict, const wire_request_t *request, wire_reply_t *reply)
{
    *reply = wire_reply_to(request);
    wire_reply_refuse(reply, verdict->code);
    verdict_add_facts(verdict, reply);
    if (verdict->allow)
        wire_reply_add(reply, FACT_ALLOW, verdict->allow);
    if (verdict->code != ERROR_rate_limited)
        return;
    if (verdict->retry_after_s)
        reply->retry_after_s = (uint32_t)verdict->retry_after_s;
    wire_reply_add(reply, FACT_RATE_LIMIT, verdict->rate);
    wire_reply_add(reply, FACT_RATE_LEFT, 0);
    wire_reply_add(reply, FACT_RATE_RESET_S, verdict->retry_after_s);
}

size_t verdict_details(const verdict_t *verdict, char text[VERDICT_DETAILS])
{
    char user[UUID_TEXT];
    int len = 0;
    text[0] = '\0';
    if (verdict->reason == REASON_none)
        return 0;
    if (!uuid_is_nil(&verdict->user)) {
        uuid_text(&verdict->user, user);
        len = snprintf(text, VERDICT_DETAILS, "{\"reason\":\"%s\",\"user\":\"%s\"}",
                       reason_name(verdict->reason), user);
    } else {
        len = snprintf(text, VERDICT_DETAILS, "{\"reason\":\"%s\"}", reason_name(verdict->reason));
    }
    assert(len < VERDICT_DETAILS);
    return (size_t)len;
}
