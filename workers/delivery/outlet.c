#include "workers/delivery/outlet.h"

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/stream/outlet.h"
#include "common/stream/position.h"
#include "workers/journal/outbox.h"
#include "workers/post/post_self.h"
#include "workers/post/reading.h"

enum { LOOKED = 64 /* newest events among which one of a channel's is looked for */ };

/* A look for the newest message. */
typedef struct {
    outlet_standing_t standing;
    uuid_t7 target;
} look_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    slice_t text;
    position_t position;
    look_t *self = arg;
    (void)log;
    if (!wire_pairs_find(record->params, OUTLET_POSITION, &text) || !position_read(text, &position))
        return true;
    self->standing.position = position;
    self->standing.time_ms = record->time_ms;
    return true;
}

static bool s_each_pending(void *arg, const outbox_due_t *due)
{
    look_t *self = arg;
    return uuid_eq(&due->place.target, &self->target) && ++self->standing.pending < OUTLET_PENDING;
}

static void s_look(reading_t *reading, journal_reader_t *reader)
{
    bytes_t body = {0};
    journal_range_t range;
    look_t look = {.target = reading->target};
    outbox_place_t from = {.target = reading->target};
    journal_range(reader, &reading->target, &range);
    look.standing.any = range.last > 0;
    journal_read(reader, &reading->target, range.last > LOOKED ? range.last - LOOKED + 1 : 1,
                 &range, s_each, &look);
    journal_due(reader, &from, s_each_pending, &look);
    outlet_standing_write(&look.standing, &body);
    json_raw(&reading->body, bytes_slice(&body));
    bytes_free(&body);
}

void post_outlet(post_t *post, job_t *job)
{
    (void)post;
    if (job_body(job).len == 0) {
        reading_new(job)->look = s_look;
        return;
    }
    post_fill(job);
    job->entry.record.flags = RECORD_EVENT;
    job->entry.answer.answer = ANSWER_OBJECT;
}

static void s_write(json_out_t *out, const wire_request_t *request)
{
    char time[CLOCK_TEXT], user[UUID_TEXT];
    clock_text(clock_wall_ms(), time);
    uuid_text(&request->principal.user, user);
    json_lit(out, "{\"id\":\"");
    json_uint(out, (uint64_t)clock_wall_ms());
    json_lit(out, "_0\",\"sequence\":0,\"time\":\"");
    json_lit(out, time);
    json_lit(out, "\",\"sender\":{\"id\":\"");
    json_lit(out, user);
    json_lit(out, "\",\"name\":");
    slice_t name = request->principal.display_name;
    json_quote(out, name.len ? name : slice_of("Postern"));
    json_lit(out, "},\"message\":{\"text\":\"This is a test: messages of the channel arrive "
                  "here.\"}}");
}

void post_outlet_test(post_t *post, job_t *job)
{
    json_out_t body = {0};
    (void)post;
    s_write(&body, job->request);
    zmq_msg_close(job->body);
    wire_body_init(job->body, slice(body.data, body.len));
    json_free(&body);
    post_fill(job);
    job->entry.record.params = slice("", 0);
    job->entry.record.flags = RECORD_EVENT;
    job->entry.answer.answer = ANSWER_OBJECT;
}
