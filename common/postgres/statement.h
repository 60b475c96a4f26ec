/* A statement with its parameters, in PostgreSQL's binary formats (network byte order; the formats
 * of arrays: src/backend/utils/adt/arrayfuncs.c, array_recv), and the reading of results.
 *
 * Threading: no state, any thread. */
#ifndef POSTERN_POSTGRES_STATEMENT_H
#define POSTERN_POSTGRES_STATEMENT_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

enum { STATEMENT_NAME = 48, STATEMENT_PARAMETERS = 16 };

/* Of src/include/catalog/pg_type.dat: they never change. */
enum {
    TYPE_BYTEA = 17,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_TEXT = 25,
    TYPE_UUID = 2950,
    TYPE_BYTEAS = 1001,
    TYPE_INT2S = 1005,
    TYPE_INT8S = 1016,
    TYPE_UUIDS = 2951,
};

/* An array in the making; its bytes are its own. */
typedef struct {
    char *data;
    size_t len, cap;
    uint32_t count;
} array_t;

/* Empty, of elements of a TYPE_; keeps its memory. */
void array_begin(array_t *self, uint32_t type);
/* An element of LEN bytes, to be written where it returns. */
char *array_add(array_t *self, size_t len);
void array_add_int8(array_t *self, uint64_t value);
void array_add_int2(array_t *self, uint16_t value);
void array_add_bytes(array_t *self, slice_t bytes);
void array_free(array_t *self);

typedef struct {
    char name[STATEMENT_NAME]; /* under which it is prepared; empty: it is not */
    const char *sql;           /* the caller's */
    int count;
    Oid types[STATEMENT_PARAMETERS];
    const char *values[STATEMENT_PARAMETERS];
    int lengths[STATEMENT_PARAMETERS];
    uint64_t numbers[STATEMENT_PARAMETERS]; /* what values point to, of numbers */
    PGresult *result;
} statement_t;

/* An empty one. It must not move while it is used. */
void statement_begin(statement_t *self, const char *name, const char *sql);
void statement_int8(statement_t *self, uint64_t value);
void statement_int2(statement_t *self, uint16_t value);
void statement_text(statement_t *self, const char *text);
void statement_bytea(statement_t *self, slice_t bytes);
void statement_uuid(statement_t *self, const uuid_t7 *id);
/* The array must have all its elements. */
void statement_array(statement_t *self, array_t *array, uint32_t type);
/* Frees the result; the results of an exchange. */
void statement_end(statement_t *self);
void statement_end_all(statement_t *statements, size_t count);

/* Rows that came, or that were changed. */
unsigned statement_rows(const statement_t *self);
/* A field of a result; 0 and empty where it is NULL. */
bool statement_is_null(const statement_t *self, unsigned row, unsigned column);
uint64_t statement_number(const statement_t *self, unsigned row, unsigned column);
slice_t statement_bytes(const statement_t *self, unsigned row, unsigned column);
uuid_t7 statement_id(const statement_t *self, unsigned row, unsigned column);

#endif
