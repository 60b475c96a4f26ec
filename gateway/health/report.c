#include "gateway/health/report.h"

#include "common/base/clock.h"
#include "common/health/flows.h"
#include "gateway/health/sentence.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* NAN is null: there is no such thing here, or it is not known yet. */
static json_t *s_real(double value)
{
    return isnan(value) || isinf(value) ? json_null() : json_real(value);
}

static json_t *s_whole(double value)
{
    return isnan(value) ? json_null() : json_integer((json_int_t)value);
}

static json_t *s_text(const json_t *from, const char *name)
{
    const char *text = json_string_value(json_object_get(from, name));
    return text ? json_string(text) : json_null();
}

static double s_of(double (*get)(const sample_t *, const char *), const sample_t *now,
                   const char *name)
{
    return now && name ? get(now, name) : NAN;
}

static void s_add_flow(json_t *row, const seen_t *seen)
{
    const flow_t *flow = flow_of(seen->station->section);
    const sample_t *now = seen->now, *before = seen->before;
    const char *queue = flow->queue ? flow->queue : "deliveries_due";
    const char *oldest = flow->oldest ? flow->oldest : "delivery_oldest_seconds";
    double p99_s = now ? sample_quantile(now, before, flow->time, 0.99) : NAN;
    json_object_set_new(row, "rate",
                        s_real(now ? sample_growth(now, before, flow->in) / seen->seconds : NAN));
    json_object_set_new(row, "queue", s_whole(s_of(sample_sum, now, queue)));
    json_object_set_new(row, "oldest_s", s_real(s_of(sample_most, now, oldest)));
    json_object_set_new(row, "p99_ms", s_real(p99_s * 1e3));
}

static json_t *s_disk(const sample_t *now)
{
    double free_bytes = s_of(sample_sum, now, "disk_free_bytes");
    if (isnan(free_bytes))
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "free_bytes", s_whole(free_bytes), "used_bytes",
                     s_whole(s_of(sample_sum, now, "journal_used_bytes")), "room_bytes",
                     s_whole(s_of(sample_sum, now, "journal_room_bytes")));
}

static void s_add_time(json_t *row, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT];
    if (wall_ms <= 0) {
        json_object_set_new(row, name, json_null());
        return;
    }
    clock_text(wall_ms, text);
    json_object_set_new(row, name, json_string(text));
}

/* One word, as programs compare them. */
static json_t *s_state(const char *state)
{
    return json_string(strcmp(state, "not ready") == 0 ? "not_ready" : state);
}

static json_t *s_process(const seen_t *seen)
{
    const station_t *station = seen->station;
    const json_t *said = seen->condition.readiness;
    json_t *checks = json_object_get(said, "checks");
    json_t *row =
        json_pack("{s:s, s:s, s:i, s:o, s:s, s:o, s:o, s:o, s:s, s:o}", "name", station->name,
                  "kind", station->section, "index", (int)station->index, "shard",
                  station->counted ? json_integer(station->index) : json_null(), "monitor",
                  station->monitor, "host", s_text(said, "host"), "version",
                  s_text(said, "version"), "state", s_state(seen->state), "reason",
                  seen->condition.reasons, "checks", checks ? json_incref(checks) : json_array());
    assert(row);
    s_add_time(row, "since", seen->since_ms);
    s_add_time(row, "started", (int64_t)(seen->started_s * 1e3));
    json_object_set_new(row, "restarts", json_integer(seen->restarts));
    s_add_flow(row, seen);
    json_object_set_new(row, "disk", s_disk(seen->now));
    return row;
}

/* The connections of the ring, as the checks of the processes at their one end tell of them. */
static const struct {
    const char *section, *check, *to;
} s_edges[] = {
    {"gateway", "authd", "authd"},
    {"gateway", "router", "router"},
    {"authd", "routers", "router"},
    {"router", "shards", "workers"},
};

static const char *s_leads_to(const char *section, const char *check)
{
    for (size_t i = 0; i < sizeof s_edges / sizeof *s_edges; i++)
        if (strcmp(s_edges[i].section, section) == 0 && strcmp(s_edges[i].check, check) == 0)
            return s_edges[i].to;
    bool worker = !flow_of(section)->section;
    return worker && strcmp(check, "router") == 0 ? "router" : NULL;
}

static void s_add_edges(json_t *edges, const seen_t *seen)
{
    size_t i;
    json_t *check;
    json_array_foreach (json_object_get(seen->condition.readiness, "checks"), i, check) {
        const char *name = json_string_value(json_object_get(check, "name"));
        const char *to = name ? s_leads_to(seen->station->section, name) : NULL;
        if (to)
            json_array_append_new(edges,
                                  json_pack("{s:s, s:s, s:o, s:o}", "from", seen->station->name,
                                            "to", to, "state", s_text(check, "state"), "reason",
                                            s_text(check, "reason")));
    }
}

char *report_json(const look_t *look, const char *by)
{
    char sentence[SENTENCE], at[CLOCK_TEXT];
    bool ready = true;
    json_t *processes = json_array(), *edges = json_array();
    for (unsigned i = 0; i < look_len(look); i++) {
        const seen_t *seen = look_at(look, i);
        if (!seen->shown)
            continue;
        json_array_append_new(processes, s_process(seen));
        s_add_edges(edges, seen);
        ready = ready && (seen->condition.ready || strcmp(seen->state, "unreachable") == 0);
    }
    sentence_write(look, sentence);
    clock_text(clock_wall_ms(), at);
    json_t *report = json_pack("{s:s, s:b, s:s, s:s, s:o, s:o}", "sentence", sentence, "ready",
                               ready, "by", by, "at", at, "processes", processes, "edges", edges);
    assert(report);
    char *text = json_dumps(report, JSON_COMPACT);
    json_decref(report);
    assert(text);
    return text;
}
