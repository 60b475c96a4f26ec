#include "authd/manage/rights.h"

#include "common/base/ops.h"

#include <stddef.h>

typedef struct {
    unsigned op;
    object_t object;
    right_level_t level[USER_ROLES];
} right_t;

static const right_t s_rights[] = {
#define OP(number, ...)
#define MANAGE(number, name, methods, path, object, member, admin)                                 \
    {number, OBJECT_##object, {MAY_##member, MAY_##admin, MAY_ANY}},
#include "common/ops.def"
};

static const right_t *s_find(unsigned op)
{
    static const right_t owners = {OP_NONE, OBJECT_NOTHING, {MAY_NO, MAY_NO, MAY_ANY}};
    for (size_t i = 0; i < sizeof s_rights / sizeof *s_rights; i++)
        if (s_rights[i].op == op)
            return &s_rights[i];
    return &owners;
}

const char *right_level_name(right_level_t level)
{
    static const char *const names[] = {"no", "own", "among", "managed", "below", "any"};
    return names[level];
}

object_t rights_object(unsigned op)
{
    return s_find(op)->object;
}

right_level_t rights_level(unsigned op, user_role_t role)
{
    return s_find(op)->level[role];
}

bool rights_allow(unsigned op, user_role_t role, relation_t relation)
{
    enum {
        OWN = 1 << RELATION_OWN,
        AMONG = 1 << RELATION_AMONG,
        SERVICE = 1 << RELATION_SERVICE,
        LOWER = 1 << RELATION_LOWER,
    };
    static const unsigned allowed[] = {
        [MAY_NO] = 0,
        [MAY_OWN] = OWN,
        [MAY_AMONG] = OWN | AMONG,
        [MAY_MANAGED] = OWN | SERVICE,
        [MAY_BELOW] = OWN | AMONG | SERVICE | LOWER,
        [MAY_ANY] = ~0u,
    };
    return (allowed[rights_level(op, role)] >> relation & 1) != 0;
}

bool rights_grant(user_role_t role, user_role_t given)
{
    return given <= role;
}
