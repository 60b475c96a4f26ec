/* Events that sources go along with, at a source's own address or not, as they go on to their
 * worker. Private to authd/judge. */
#ifndef POSTERN_AUTHD_JUDGE_CALLED_URL_H
#define POSTERN_AUTHD_JUDGE_CALLED_URL_H

#include "authd/directory/extensions.h"
#include "authd/directory/sources.h"
#include "authd/judge/verdict.h"
#include "common/base/ops.h"

/* Takes what was called of the URL out of the headers, as neither a journal nor a handler is to
 * have it, and returns the whole URL; empty: it is not there, or too long. Both lie in the judge up
 * to its next request. */
slice_t called_url_take(judge_t *judge, wire_request_t *request);

/* The app of a source of an extension, and its app-id. False: it is not there. */
bool called_app(view_t *view, const source_t *source, char app_id[UUID_TEXT], app_t *app,
                extension_t *extension);

/* The operation as which a worker gets an event OP for a target with sources: one that none takes
 * for an event without. SOURCE: at whose address it came, so that the worker asks for the
 * signature; NULL: at no such address. */
unsigned called_as(unsigned op, const source_t *source);

#endif
