#include "authd/manage/manage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void manage_add_details(manage_answer_t *answer, const json_t *details)
{
    char *text = json_dumps(details, JSON_COMPACT);
    assert(text);
    size_t said = strlen(answer->message);
    answer->details_len = strlen(text);
    answer->body_len = said + answer->details_len;
    answer->body = malloc(answer->body_len + 1);
    if (!answer->body)
        abort();
    memcpy(answer->body, answer->message, said);
    memcpy(answer->body + said, text, answer->details_len + 1);
    free(text);
}

slice_t manage_reply(const manage_answer_t *answer, wire_reply_t *reply)
{
    if (answer->code == ERROR_none) {
        reply->status = 200;
        reply->content = CONTENT_JSON;
        return slice(answer->body, answer->body_len);
    }
    wire_reply_refuse(reply, answer->code);
    if (answer->retry_after_s)
        reply->retry_after_s = (uint32_t)answer->retry_after_s;
    if (!answer->body)
        return slice_of(answer->message);
    wire_reply_add(reply, FACT_DETAILS, answer->details_len);
    return slice(answer->body, answer->body_len);
}
