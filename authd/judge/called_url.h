/* Requests to a source's own address, as they go on to its worker. Private to authd/judge. */
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

/* The operation as which the worker of this kind gets it, and asks for the signature. */
unsigned called_as(op_owner_t kind);

#endif
