#include "workers/delivery/lane.h"

#include "common/base/ops.h"
#include "common/base/utf8.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

/* The same for the same event, whichever call was answered. */
static void s_derive(const uuid_t7 *event, uuid_t7 *id)
{
    enum { VERSION = 6, VARIANT = 8, FREE_FORM = 0x80 }; /* RFC 9562 §5.8 */
    static const char purpose[] = "postern reply";
    crypto_generichash(id->bytes, UUID_BYTES, event->bytes, UUID_BYTES,
                       (const unsigned char *)purpose, sizeof purpose - 1);
    id->bytes[VERSION] = (uint8_t)((id->bytes[VERSION] & 0x0f) | FREE_FORM);
    id->bytes[VARIANT] = (uint8_t)((id->bytes[VARIANT] & 0x3f) | 0x80);
}

typedef struct {
    reply_t *reply;
    const item_t *item;
} making_t;

/* A message of the bot or app itself. */
static void s_from_event(void *arg, const record_t *event)
{
    making_t *make = arg;
    reply_t *reply = make->reply;
    record_t *record = &reply->record;
    size_t len = event->access.len < sizeof reply->access ? event->access.len : 0;
    memcpy(reply->access, event->access.data, len);
    *record = (record_t){
        .flags = RECORD_MESSAGE | RECORD_REPLY,
        .op = event->op,
        .method = OP_POST,
        .environment = event->environment,
        .user = event->target,
        .target = event->target,
        .access = slice(reply->access, len),
        .headers = record_cause_write(make->item->due.place.log, &event->id, reply->cause),
        .name = slice("", 0),
        .params = slice("", 0),
    };
    s_derive(&event->id, &record->id);
}

/* BODY when it is a JSON object or array, else nothing. */
static slice_t s_json(message_t *judge, slice_t body, bool *message)
{
    message_verdict_t verdict;
    size_t at = 0;
    body = utf8_unmarked(body);
    *message = false;
    while (at < body.len && strchr(" \t\r\n", body.data[at]) && body.data[at])
        at++;
    if (at == body.len || (body.data[at] != '{' && body.data[at] != '['))
        return slice("", 0);
    message_check(judge, body, &verdict);
    *message = verdict.outcome == MESSAGE_OK;
    return verdict.outcome == MESSAGE_NOT_JSON ? slice("", 0) : body;
}

static bool s_is_text(const char *content_type, slice_t body)
{
    size_t len = strcspn(content_type, "; \t");
    return len == strlen("text/plain") && strncasecmp(content_type, "text/plain", len) == 0 &&
           body.len > 0 && body.len <= REPLY_TEXT && !memchr(body.data, '\0', body.len) &&
           utf8_valid(body);
}

slice_t reply_answer(message_t *judge, const call_t *call, bool awaits, json_out_t *text,
                     bool *message)
{
    slice_t body = slice(call->answer, call->answer ? call->answer_len : 0);
    slice_t json = s_json(judge, body, message);
    if (json.len > 0 || !awaits || !s_is_text(call->content_type, body))
        return json;
    json_reset(text);
    json_quote(text, body);
    return slice(text->data, text->len);
}

bool reply_make(reply_t *self, journal_t *journal, const item_t *item,
                const delivery_handler_t *handler, slice_t body)
{
    making_t make = {self, item};
    if (!journal_record(journal_reader(journal), item->due.place.log, s_from_event, &make))
        return false;
    if (handler)
        self->record.name = handler->name;
    self->record.body = body;
    return true;
}

typedef struct {
    message_t *judge;
    json_out_t *out;
    journal_t *journal;
    const uuid_t7 *target;
    uint64_t log;
} kept_t;

/* The last one stands. */
static void s_take(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    kept_t *kept = arg;
    bool message;
    (void)number;
    json_reset(kept->out);
    if (attempt->outcome == DELIVERY_ANSWERED_TEXT)
        json_quote(kept->out, attempt->answer);
    else
        json_raw(kept->out, s_json(kept->judge, attempt->answer, &message));
}

static void s_read_kept(void *arg)
{
    kept_t *self = arg;
    outbox_item_t item;
    if (journal_item(journal_reader(self->journal), self->target, self->log, &item) &&
        item.state == OUTBOX_DELIVERED)
        journal_attempts(journal_reader(self->journal), self->log, s_take, self);
}

void reply_kept(message_t *judge, journal_t *journal, const uuid_t7 *target, uint64_t log,
                json_out_t *out)
{
    kept_t kept = {judge, out, journal, target, log};
    if (!journal_try(journal_reader(journal), s_read_kept, &kept))
        json_reset(out);
}
