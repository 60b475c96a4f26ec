#include "workers/delivery_lane.h"

#include "common/base/ops.h"

#include <sodium.h>
#include <string.h>

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

bool reply_make(reply_t *self, message_t *judge, journal_t *journal, const item_t *item,
                const handler_t *handler, const call_t *call)
{
    making_t make = {self, item};
    message_verdict_t verdict;
    slice_t body = slice(call->answer ? call->answer : "", call->answer ? call->answer_len : 0);
    if (body.len == 0)
        return false;
    message_check(judge, body, &verdict);
    if (verdict.outcome != MESSAGE_OK ||
        !journal_record(journal, item->due.place.log, s_from_event, &make))
        return false;
    if (handler)
        self->record.name = handler->name;
    self->record.body = body;
    return true;
}
