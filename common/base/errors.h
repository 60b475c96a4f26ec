/* The error codes of common/errors.def.
 *
 * Threading: read-only tables, any thread. */
#ifndef POSTERN_ERRORS_H
#define POSTERN_ERRORS_H

#include <stddef.h>

typedef enum {
    ERROR_none = 0,
#define ERROR(number, name, status, retry_after, message) ERROR_##name = number,
#include "common/errors.def"
#undef ERROR
} error_code_t;

typedef struct {
    error_code_t code;
    const char *name;
    unsigned status;
    unsigned retry_after_s;
    const char *message;
} error_row_t;

/* All rows in the table's order. */
extern const error_row_t error_table[];
extern const size_t error_table_len;

/* Row of a code, NULL for an unknown one (a peer's number is not trusted). */
const error_row_t *error_find(unsigned code);

/* What the admin listener says with invalid_token in place of the table's text, which is for
 * senders: the gateway and authd alike, so that nobody learns which of them refused. */
extern const char error_admin_token[];

#endif
