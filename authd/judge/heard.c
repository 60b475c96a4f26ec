#include "authd/judge/heard.h"

#include "common/base/ops.h"
#include "common/base/secret.h"

static const char s_event[] = "directory.source";

const preset_t *source_tells(const source_t *source)
{
    const preset_t *preset = source->declared.len ? NULL : preset_find(source->scheme);
    return preset && handshake_needs(preset->handshake) == HANDSHAKE_NEEDS_TOLD ? preset : NULL;
}

/* Whether SECRET is the source's newest. */
static bool s_is_kept(view_t *view, const source_t *source, const heard_t *heard)
{
    char newest[SOURCE_KEY_TEXT];
    if (!source->secrets)
        return false;
    const sealed_t *sealed = &source->secret[source->secrets - 1];
    slice_t text = sealed_open(view, sealed->sealed, newest, sizeof newest, s_event);
    bool same = text.len && secret_eq(text.data, text.len, heard->secret, heard->len);
    secret_wipe(newest, sizeof newest);
    return same;
}

/* Whether the request is the source's handshake; then HEARD has what it tells. */
static bool s_read(const preset_t *preset, const wire_request_t *request, slice_t body,
                   heard_t *heard)
{
    handshake_answer_t answer;
    bool shown = preset->handshake == HANDSHAKE_asana;
    const source_request_t asked = {.method = slice_of(request->method == OP_POST ? "POST" : ""),
                                    .headers = shown ? request->shown : request->headers,
                                    .params = request->params,
                                    .body = shown ? slice("", 0) : body};
    if (handshake_find(&asked) != preset->handshake)
        return false;
    handshake_answer(preset->handshake, &asked, NULL, 0, slice("", 0), &answer);
    heard->echoed = answer.header;
    heard->len = answer.status == 200 ? strlen(answer.learned) : 0;
    memcpy(heard->secret, answer.learned, heard->len);
    secret_wipe(&answer, sizeof answer);
    return heard->len > 0;
}

void heard_look(view_t *view, const source_t *source, const wire_request_t *request, slice_t body,
                uint64_t wall_ms, heard_t *heard)
{
    heard->state = HEARD_NOTHING;
    const preset_t *preset = source_tells(source);
    bool waits = source->waits_ms > wall_ms;
    bool told = source->told_ms && source->told_ms + SOURCE_WAITS_MS > wall_ms;
    if (!preset || (!waits && !told) || !s_read(preset, request, body, heard))
        return;
    heard->source = source->id;
    if (told && s_is_kept(view, source, heard))
        heard->state = HEARD_BEFORE;
    else if (waits)
        heard->state = HEARD_NEW;
    else
        secret_wipe(heard->secret, sizeof heard->secret);
}
