#include "authd/judge/called_url.h"

#include <assert.h>
#include <stdio.h>

slice_t called_url_take(judge_t *judge, wire_request_t *request)
{
    slice_t name, value, called = slice("", 0);
    slice_t base = slice_of(judge->public_url ? judge->public_url : "");
    wire_pairs_t each = wire_pairs_begin(request->headers);
    pack_reset(&judge->headers);
    while (wire_pairs_next(&each, &name, &value))
        if (slice_is(name, WIRE_URL))
            called = value;
        else
            wire_pairs_add(&judge->headers, name, value);
    request->headers = wire_pairs_of(&judge->headers);
    while (base.len && base.data[base.len - 1] == '/')
        base.len--;
    int len =
        snprintf(judge->url, sizeof judge->url, "%.*s%.*s", SLICE_ARG(base), SLICE_ARG(called));
    return called.len && (size_t)len < sizeof judge->url ? slice(judge->url, (size_t)len)
                                                         : slice("", 0);
}

bool called_app(view_t *view, const source_t *source, char app_id[UUID_TEXT], app_t *app,
                extension_t *extension)
{
    static_assert((int)APP_ID_TEXT <= (int)UUID_TEXT, "an app-id has room");
    bool found = false;
    if (!extensions_get(view, &source->place, extension))
        return false;
    for (unsigned e = ENVIRONMENT_SANDBOX; !found && e <= ENVIRONMENT_MARKETPLACE; e++) {
        extension_app_id(extension, (wire_environment_t)e, app_id);
        found = apps_get(view, slice_of(app_id), app) && uuid_eq(&app->target, &source->target);
    }
    return found;
}

unsigned called_as(unsigned op, const source_t *source)
{
    if (source)
        return source->kind == OWNER_CHANNEL ? OP_channel_signed
               : source->kind == OWNER_BOT   ? OP_bot_signed
                                             : OP_extension_signed;
    switch (op_find(op)->owner) {
    case OWNER_BOT:
        return OP_bot_sourced;
    case OWNER_EXTENSION:
        return OP_extension_sourced;
    default:
        return op; /* who knows events for channels knows sources */
    }
}
