#include "workers/delivery/lane.h"

#include "common/base/ops.h"
#include "common/base/utf8.h"
#include "workers/journal/revisions.h"
#include "workers/post/history.h"

#include <assert.h>
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

slice_t reply_json(message_t *judge, slice_t body, bool *message)
{
    message_verdict_t verdict;
    size_t at = 0;
    body = utf8_unmarked(body);
    *message = false;
    while (at < body.len && is_one_of(body.data[at], " \t\r\n"))
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
    slice_t json = reply_json(judge, body, message);
    if (json.len > 0 || !awaits || !s_is_text(call->content_type, body))
        return json;
    json_reset(text);
    json_quote(text, body);
    return slice(text->data, text->len);
}

/* A bot's reply with userids is for those whom they name by their ids, and for the bot's owner: an
 * address is found in the directory alone, which is not here, and names nobody. */
static void s_narrow(reply_t *self, const message_verdict_t *verdict,
                     const delivery_handler_t *handler)
{
    const op_t *op = op_find(self->record.op);
    if (!op || op->owner != OWNER_BOT || !(verdict->flags & MESSAGE_NARROWED) ||
        verdict->flags & MESSAGE_BROADCAST)
        return;
    size_t len = verdict->users_len;
    memcpy(self->audience, verdict->users, len * UUID_BYTES);
    if (handler)
        self->audience[len++] = handler->owner;
    self->record.more |= RECORD_NARROWED;
    self->record.audience = slice(self->audience, len * UUID_BYTES);
}

static void s_relate(reply_t *self, const message_verdict_t *verdict)
{
    journal_name_t about;
    self->about = (journal_name_t){0};
    if (verdict->thread_len == 0 ||
        !history_name(slice(verdict->thread, verdict->thread_len), &about))
        return;
    self->about = about;
    if (verdict->flags & MESSAGE_IN_PARENT)
        self->record.more = RECORD_IN_PARENT;
}

/* A message of the bot or app itself. */
void reply_make(reply_t *self, message_t *judge, const item_t *item,
                const delivery_handler_t *handler, slice_t body)
{
    record_t event;
    message_verdict_t verdict;
    int rc = record_read(&event, slice(item->event, item->event_len));
    assert(rc == 0);
    size_t len = event.access.len < sizeof self->access ? event.access.len : 0;
    memcpy(self->access, event.access.data, len);
    self->record = (record_t){
        .flags = RECORD_MESSAGE | RECORD_REPLY,
        .op = event.op,
        .method = OP_POST,
        .environment = event.environment,
        .user = event.target,
        .target = event.target,
        .access = slice(self->access, len),
        .headers = record_cause_write(item->due.place.log, &event.id, self->cause),
        .name = handler ? handler->name : slice("", 0),
        .params = slice("", 0),
        .body = body,
    };
    s_derive(&event.id, &self->record.id);
    message_check(judge, body, &verdict);
    if (verdict.key_len > 0)
        revisions_hash(&event.target, slice(verdict.key, verdict.key_len), self->record.key);
    s_relate(self, &verdict);
    s_narrow(self, &verdict, handler);
}
