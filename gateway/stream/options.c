#include "gateway/stream/options.h"

#include "common/base/moment.h"
#include "common/stream/hint.h"
#include "gateway/stream/vector.h"

enum { LAST_MOST = 1000, TIMES = 1000000000 /* a number from here on is a time */ };

/* The first value of a header, or an empty one. */
static slice_t s_header(const h2o_req_t *req, const char *name)
{
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (header->name && header->name->len == strlen(name) &&
            strncasecmp(header->name->base, name, header->name->len) == 0)
            return slice(header->value.base, header->value.len);
    }
    return slice("", 0);
}

static bool s_has(slice_t text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part));
}

bool stream_accepts_events(const h2o_req_t *req)
{
    slice_t path = slice(req->input.path.base, req->input.path.len);
    return s_has(s_header(req, "accept"), "text/event-stream") && !s_has(path, "format=json");
}

static const char *s_read_format(const h2o_req_t *req, slice_t params, stream_options_t *options)
{
    slice_t text;
    slice_t accept = s_header(req, "accept");
    if (s_has(accept, "application/x-ndjson") || s_has(accept, "application/jsonl"))
        options->format = FORMAT_LINES;
    if (wire_pairs_find(params, "format", &text)) {
        if (!slice_is(text, "sse") && !slice_is(text, "json"))
            return "format must be sse or json.";
        options->format = slice_is(text, "json") ? FORMAT_LINES : FORMAT_SSE;
    }
    if (!wire_pairs_find(params, "heartbeat", &text))
        return NULL;
    options->event_heartbeat = slice_is(text, "event");
    return options->event_heartbeat || slice_is(text, "comment")
               ? NULL
               : "heartbeat must be comment or event.";
}

static const char *s_read_last(slice_t text, stream_options_t *options)
{
    position_t number;
    if (!position_read(text, &number) || number.tagged || number.sequence < 1 ||
        number.sequence > LAST_MOST)
        return "last must be a number from 1 to 1000.";
    options->from = PAGE_LAST;
    options->count = number.sequence;
    return NULL;
}

static const char s_wrong_id[] = "since is no id of an event of such a stream.";

static bool s_read_vector(slice_t text, stream_options_t *options)
{
    vector_t vector;
    if (!vector_read(text, &vector))
        return false;
    vector_free(&vector);
    options->from = PAGE_MARK;
    options->vector = text;
    return true;
}

static const char *s_read_since(slice_t text, int64_t wall_ms, stream_options_t *options)
{
    if (slice_is(text, "now"))
        return NULL;
    if (slice_is(text, "latest"))
        return s_read_last(slice_of("1"), options);
    if (options->several && text.len > 0 && *text.data == '~')
        return s_read_vector(text, options) ? NULL : s_wrong_id;
    options->from = PAGE_TIME;
    if (slice_is(text, "all"))
        return NULL;
    if (position_read(text, &options->position) &&
        (options->position.tagged || options->position.sequence < TIMES)) {
        if (options->several)
            return s_wrong_id;
        options->from = PAGE_AFTER;
        return NULL;
    }
    options->time_ms = moment_parse(text, wall_ms);
    return options->time_ms >= 0
               ? NULL
               : "since must be now, latest, all, the id of an event, a sequence, or " MOMENT_FORMS
                 ".";
}

/* The parameter that authd reads; or NULL. */
static const char *s_of_authd(const op_t *op)
{
    bool names = op->credentials == CRED_PERSON && op->owner == OWNER_EXTENSION;
    return names ? "environment" : NULL;
}

/* Other events than messages are told on the admin listener alone. */
static bool s_takes_events(const op_t *op)
{
    return op->owner == OWNER_AUTHD || op->credentials == CRED_PERSON;
}

static bool s_is_known(slice_t name, const op_t *op, const char *also)
{
    static const char *const known[] = {"format", "heartbeat", "since", "last"};
    bool found = (op->owner == OWNER_AUTHD && slice_is(name, "targets")) ||
                 (s_takes_events(op) && slice_is(name, "events")) || (also && slice_is(name, also));
    for (size_t i = 0; !found && i < sizeof known / sizeof *known; i++)
        found = slice_is(name, known[i]);
    return found;
}

/* The events that are named, separated by commas; 0: one is none. */
static unsigned s_events(slice_t names)
{
    unsigned events = 0;
    for (bool more = true; more;) {
        const char *comma = memchr(names.data, ',', names.len);
        size_t len = comma ? (size_t)(comma - names.data) : names.len;
        unsigned event = event_of(slice(names.data, len));
        if (!event)
            return 0;
        events |= event;
        more = comma;
        names = more ? slice(comma + 1, names.len - len - 1) : names;
    }
    return events;
}

static const char *s_read_events(const op_t *op, slice_t params, stream_options_t *options)
{
    slice_t text;
    options->events = 1u << EVENT_message;
    if (!wire_pairs_find(params, "events", &text))
        return NULL;
    options->events = s_events(text);
    if (!options->events)
        return "events must be some of message, delivery, token_used, directory and health, "
               "separated by commas.";
    if (!(options->events & EVENT_HINTS))
        return NULL;
    if (op->credentials != CRED_PERSON)
        return "Other events than message are for a session or a management token.";
    bool several = op->owner == OWNER_AUTHD,
         all = several && !wire_pairs_find(params, "targets", &text);
    if (!all && options->events & EVENT_HINTS & ~(1u << EVENT_delivery))
        return "Other events than message and delivery are for a stream of all: ask for /streams "
               "without targets.";
    if (!several && op->owner == OWNER_CHANNEL)
        return "Deliveries are of bots and extensions: events of this has message alone.";
    return several || options->events & 1u << EVENT_message
               ? NULL
               : "events of one target must have message: /streams has delivery alone.";
}

static const char *s_read_return(slice_t id, stream_options_t *options)
{
    options->returns = true;
    options->from = PAGE_AFTER;
    bool read =
        options->several ? s_read_vector(id, options) : position_read(id, &options->position);
    return read ? NULL : "Last-Event-ID is no id of such a stream's event.";
}

const char *stream_options_read(h2o_req_t *req, slice_t params, const op_t *op, int64_t wall_ms,
                                stream_options_t *options)
{
    bool several = op->owner == OWNER_AUTHD;
    const char *also = s_of_authd(op);
    slice_t since = slice("", 0), last = slice("", 0), name, value, id;
    *options = (stream_options_t){
        .from = PAGE_NOW, .several = several, .accepts_events = stream_accepts_events(req)};
    for (wire_pairs_t each = wire_pairs_begin(params); wire_pairs_next(&each, &name, &value);)
        if (!s_is_known(name, op, also))
            return several ? "A stream takes the parameters targets, events, format, heartbeat, "
                             "since and last."
                   : s_takes_events(op)
                       ? "A stream takes the parameters events, format, heartbeat, since and last."
                       : "A stream takes the parameters format, heartbeat, since and last.";
    const char *fault = s_read_format(req, params, options);
    fault = fault ? fault : s_read_events(op, params, options);
    bool has_since = wire_pairs_find(params, "since", &since);
    bool has_last = wire_pairs_find(params, "last", &last);
    if (!fault && has_since && has_last)
        return "Give since or last, not both.";
    if (!fault && has_since)
        fault = s_read_since(since, wall_ms, options);
    if (!fault && has_last)
        fault = s_read_last(last, options);
    id = s_header(req, "last-event-id");
    return fault || id.len == 0 ? fault : s_read_return(id, options);
}
