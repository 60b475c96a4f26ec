/* How the newest replay of a target stands, and its end. */
#include "common/base/clock.h"
#include "workers/delivery/engine.h"
#include "workers/delivery/log.h"
#include "workers/post/answer.h"

#include <assert.h>

static delivery_t *s_delivery(const answering_t *with)
{
    const delivery_engine_t *engine = with->engine;
    assert(engine);
    return engine->delivery;
}

static void s_by(json_out_t *out, const delivery_replay_t *replay)
{
    char id[UUID_TEXT];
    json_lit(out, ",\"by\":");
    if (uuid_is_nil(&replay->by)) {
        json_lit(out, "null");
        return;
    }
    uuid_text(&replay->by, id);
    json_lit(out, "{\"id\":");
    json_quote(out, slice_of(id));
    json_lit(out, ",\"name\":");
    json_quote(out, slice_of(replay->by_name));
    json_lit(out, "}");
}

static void s_number(json_out_t *out, const char *name, uint64_t number)
{
    json_lit(out, name);
    json_uint(out, number);
}

static void s_write(json_out_t *out, const delivery_replay_t *replay,
                    const delivery_progress_t *progress)
{
    char time[CLOCK_TEXT];
    json_lit(out, progress->running ? "{\"running\":true" : "{\"running\":false");
    s_number(out, ",\"total\":", replay->total);
    json_lit(out, replay->counted ? ",\"counted\":true" : ",\"counted\":false");
    s_number(out, ",\"done\":", progress->done);
    s_number(out, ",\"failed\":", progress->failed);
    s_number(out, ",\"rate\":", replay->rate);
    s_by(out, replay);
    clock_text(replay->started_ms, time);
    json_lit(out, ",\"started\":");
    json_quote(out, slice_of(time));
    json_lit(out, "}");
}

/* Of none: since this process began. */
static void s_end_show(reading_t *self, const answering_t *with)
{
    delivery_progress_t progress;
    const delivery_replay_t *replay = delivery_replayed(s_delivery(with), &self->target, &progress);
    if (replay)
        s_write(&self->body, replay, &progress);
    else
        json_lit(&self->body, "{\"running\":false,\"total\":0,\"counted\":true,\"done\":0,"
                              "\"failed\":0,\"rate\":0,\"by\":null,\"started\":null}");
}

static void s_end_stop(reading_t *self, const answering_t *with)
{
    delivery_stop_replay(s_delivery(with), &self->target);
    s_end_show(self, with);
}

static void s_prepare(job_t *job, void (*end)(reading_t *self, const answering_t *with))
{
    reading_t *reading = reading_new(job);
    reading->end = end;
    if (!job_knows(job, NULL, 0))
        job->kind = JOB_REFUSED;
}

void delivery_log_replayed(post_t *post, job_t *job)
{
    (void)post;
    s_prepare(job, s_end_show);
}

void delivery_log_stop(post_t *post, job_t *job)
{
    (void)post;
    s_prepare(job, s_end_stop);
}
