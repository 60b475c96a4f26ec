#include "ctl/send/signed_in.h"

#include "common/base/ops.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    unsigned op, as;
} s_doors[] = {
#define OP(number, name, methods, path, credentials, owner, deed)
#define PERSON(number, name, methods, path, as, owner, target, rule, deed) {OP_##name, OP_##as},
#include "common/ops.def"
};

/* What follows BEGINNING in PATH; NULL where it begins otherwise. */
static const char *s_behind(const char *path, const char *beginning)
{
    size_t len = strlen(beginning);
    return strncmp(path, beginning, len) == 0 ? path + len : NULL;
}

/* The same of a channel, by its name and by its id. */
static bool s_is_by_name(const op_t *by_name, const op_t *by_id)
{
    const char *one = s_behind(by_name->path, "/channelsbyname/");
    const char *other = s_behind(by_id->path, "/channels/");
    return one && other && strcmp(one, other) == 0 && by_name->methods == by_id->methods;
}

unsigned signed_in_op(unsigned op)
{
    for (size_t i = 0; i < sizeof s_doors / sizeof *s_doors; i++)
        if (s_doors[i].as == op || s_is_by_name(op_find(op), op_find(s_doors[i].as)))
            return s_doors[i].op;
    return OP_NONE;
}
