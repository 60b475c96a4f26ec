#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/reasons.h"

#include <stdio.h>
#include <string.h>

const op_t op_table[] = {
#define OP(number, name, methods, path, credentials, owner, deed)                                  \
    {OP_##name, #name, methods, path, credentials, owner, deed},
#include "common/ops.def"
};
const size_t op_table_len = sizeof op_table / sizeof *op_table;

const error_row_t error_table[] = {
#define ERROR(number, name, status, retry_after, message)                                          \
    {ERROR_##name, #name, status, retry_after, message},
#include "common/errors.def"
#undef ERROR
};
const size_t error_table_len = sizeof error_table / sizeof *error_table;

/* The position of each row, so that a number is found without a search. */
enum {
#define OP(number, name, methods, path, credentials, owner, deed) OP_ROW_##name,
#include "common/ops.def"
};
static const unsigned char s_op_row[] = {
#define OP(number, name, methods, path, credentials, owner, deed) [number] = OP_ROW_##name + 1,
#include "common/ops.def"
};

const op_t *op_find(unsigned number)
{
    if (number >= sizeof s_op_row || s_op_row[number] == 0)
        return NULL;
    return &op_table[s_op_row[number] - 1];
}

const op_t *op_of(op_owner_t owner, op_deed_t deed)
{
    for (size_t i = 0; i < op_table_len; i++)
        if (op_table[i].owner == owner && op_table[i].deed == deed)
            return &op_table[i];
    return NULL;
}

size_t op_index(const op_t *op)
{
    return (size_t)(op - op_table);
}

enum { S_STORES, S_HANDLERS };
static const struct {
    const char *name;
    bool delivers;
} s_owners[] = {
#define WORKER(constant, name, port, handlers, what) {#name, S_##handlers == S_HANDLERS},
#include "common/kinds.def"
    [OWNER_AUTHD] = {"authd", false},
};

const char *op_owner_name(op_owner_t owner)
{
    return s_owners[owner].name;
}

bool op_owner_of(const char *name, size_t len, op_owner_t *owner)
{
    for (unsigned i = 0; i < WORKER_KINDS; i++)
        if (strlen(s_owners[i].name) == len && memcmp(s_owners[i].name, name, len) == 0) {
            *owner = (op_owner_t)i;
            return true;
        }
    return false;
}

bool op_owner_delivers(op_owner_t owner)
{
    return s_owners[owner].delivers;
}

void op_owner_list(const char *behind, const char *last, char *text, size_t size)
{
    size_t len = 0;
    *text = '\0';
    for (unsigned i = 0; i < WORKER_KINDS && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%s%s",
                                i == 0                 ? ""
                                : i + 1 < WORKER_KINDS ? ", "
                                                       : last,
                                s_owners[i].name, behind);
}

static const struct {
    unsigned bit;
    const char *name;
} s_methods[] = {
    {OP_GET, "GET"}, {OP_HEAD, "HEAD"}, {OP_POST, "POST"}, {OP_PUT, "PUT"}, {OP_DELETE, "DELETE"}};

const char *op_method_name(unsigned method)
{
    for (size_t i = 0; i < sizeof s_methods / sizeof *s_methods; i++)
        if (s_methods[i].bit == method)
            return s_methods[i].name;
    return NULL;
}

unsigned op_method_of(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof s_methods / sizeof *s_methods; i++)
        if (strlen(s_methods[i].name) == len && memcmp(s_methods[i].name, name, len) == 0)
            return s_methods[i].bit;
    return 0;
}

const char error_admin_token[] =
    "The credential is missing or not valid. Send a management token (posternctl management token "
    "create makes one) or a session as Authorization: Bearer, or the session's cookie.";

const char *reason_name(reason_t reason)
{
    static const char *const names[] = {
        "",
#define REASON(name, code, meaning) #name,
#include "common/reasons.def"
#undef REASON
    };
    return names[reason];
}

/* The error table is written in the order of its numbers, from 1, which the tests check. */
const error_row_t *error_find(unsigned code)
{
    return code >= 1 && code <= error_table_len ? &error_table[code - 1] : NULL;
}
