/* The arguments of a management operation as HTTP brings them: of a GET or DELETE in the query, of
 * a POST or PUT in a body of JSON; and the etag of an edit in If-Match. manage.h checks the values.
 * Threading: any thread. */
#ifndef POSTERN_AUTHD_MANAGE_HTTP_ARGS_H
#define POSTERN_AUTHD_MANAGE_HTTP_ARGS_H

#include "authd/manage/manage.h"
#include "common/wire/wire.h"

typedef struct {
    slice_t body;       /* a JSON object, or empty */
    slice_t if_match;   /* empty: none, or any will do */
    const char *detail; /* of an error: constant text, or NULL: the table's */
    char *made;         /* private: what body may be in */
} http_args_t;

/* Reads REQUEST, whose operation is OP, and its BODY, which are borrowed. ERROR_none, or the error
 * with its detail. */
error_code_t http_args_read(http_args_t *self, const op_t *op, const wire_request_t *request,
                            slice_t body);
void http_args_free(http_args_t *self);

#endif
