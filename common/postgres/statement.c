#include "common/postgres/statement.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Dimensions, flags, type of elements, count, lower bound. */
typedef struct __attribute__((packed)) {
    uint32_t dimensions, flags, type, count, first;
} array_head_t;

static char *s_grow(array_t *self, size_t len)
{
    if (self->len + len > self->cap) {
        while (self->cap < self->len + len)
            self->cap = self->cap ? 2 * self->cap : 4096;
        self->data = realloc(self->data, self->cap);
        if (!self->data)
            abort();
    }
    self->len += len;
    return self->data + self->len - len;
}

void array_begin(array_t *self, uint32_t type)
{
    array_head_t head = {htobe32(1), 0, htobe32(type), 0, htobe32(1)};
    self->len = self->count = 0;
    memcpy(s_grow(self, sizeof head), &head, sizeof head);
}

char *array_add(array_t *self, size_t len)
{
    assert(len <= INT32_MAX);
    uint32_t size = htobe32((uint32_t)len);
    char *to = s_grow(self, sizeof size + len);
    memcpy(to, &size, sizeof size);
    self->count++;
    return to + sizeof size;
}

void array_add_int8(array_t *self, uint64_t value)
{
    value = htobe64(value);
    memcpy(array_add(self, sizeof value), &value, sizeof value);
}

void array_add_int2(array_t *self, uint16_t value)
{
    value = htobe16(value);
    memcpy(array_add(self, sizeof value), &value, sizeof value);
}

void array_add_bytes(array_t *self, slice_t bytes)
{
    char *to = array_add(self, bytes.len);
    if (bytes.len)
        memcpy(to, bytes.data, bytes.len);
}

void array_free(array_t *self)
{
    free(self->data);
    *self = (array_t){0};
}

void statement_begin(statement_t *self, const char *name, const char *sql)
{
    assert(strlen(name) < STATEMENT_NAME);
    strcpy(self->name, name);
    self->sql = sql;
    self->count = 0;
    self->result = NULL;
}

static void s_add(statement_t *self, uint32_t type, const void *value, size_t len)
{
    assert(self->count < STATEMENT_PARAMETERS && len <= INT_MAX);
    self->types[self->count] = type;
    self->values[self->count] = value;
    self->lengths[self->count++] = (int)len;
}

void statement_int8(statement_t *self, uint64_t value)
{
    uint64_t *number = &self->numbers[self->count];
    *number = htobe64(value);
    s_add(self, TYPE_INT8, number, sizeof *number);
}

void statement_int2(statement_t *self, uint16_t value)
{
    uint64_t *number = &self->numbers[self->count];
    value = htobe16(value);
    memcpy(number, &value, sizeof value);
    s_add(self, TYPE_INT2, number, sizeof value);
}

void statement_text(statement_t *self, const char *text)
{
    s_add(self, TYPE_TEXT, text, strlen(text));
}

void statement_bytea(statement_t *self, slice_t bytes)
{
    s_add(self, TYPE_BYTEA, bytes.data, bytes.len);
}

void statement_uuid(statement_t *self, const uuid_t7 *id)
{
    s_add(self, TYPE_UUID, id->bytes, UUID_BYTES);
}

void statement_array(statement_t *self, array_t *array, uint32_t type)
{
    array_head_t head;
    memcpy(&head, array->data, sizeof head);
    head.count = htobe32(array->count);
    head.dimensions = htobe32(array->count > 0);
    memcpy(array->data, &head, sizeof head);
    /* An array of nothing has no dimension behind its type. */
    s_add(self, type, array->data, array->count ? array->len : offsetof(array_head_t, count));
}

void statement_end(statement_t *self)
{
    PQclear(self->result);
    self->result = NULL;
}

void statement_end_all(statement_t *statements, size_t count)
{
    for (size_t i = 0; i < count; i++)
        statement_end(&statements[i]);
}

unsigned statement_rows(const statement_t *self)
{
    if (PQresultStatus(self->result) == PGRES_TUPLES_OK)
        return (unsigned)PQntuples(self->result);
    return (unsigned)strtoul(PQcmdTuples(self->result), NULL, 10);
}

bool statement_is_null(const statement_t *self, unsigned row, unsigned column)
{
    return PQgetisnull(self->result, (int)row, (int)column);
}

slice_t statement_bytes(const statement_t *self, unsigned row, unsigned column)
{
    return slice(PQgetvalue(self->result, (int)row, (int)column),
                 (size_t)PQgetlength(self->result, (int)row, (int)column));
}

/* Of a boolean, a number of 2, 4 or 8 bytes. */
uint64_t statement_number(const statement_t *self, unsigned row, unsigned column)
{
    slice_t field = statement_bytes(self, row, column);
    uint64_t number = 0;
    assert(field.len <= sizeof number);
    for (size_t i = 0; i < field.len; i++)
        number = number << 8 | (unsigned char)field.data[i];
    return number;
}

uuid_t7 statement_id(const statement_t *self, unsigned row, unsigned column)
{
    slice_t field = statement_bytes(self, row, column);
    uuid_t7 id = {{0}};
    if (field.len == UUID_BYTES)
        memcpy(id.bytes, field.data, UUID_BYTES);
    return id;
}
