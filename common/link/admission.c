#include "common/link/admission.h"

#include "common/link/keys.h"
#include "common/link/uid.h"

unsigned admission_roles(const char *key)
{
    return uid_is_proof(key) ? uid_roles(key) : allowed_roles(key);
}

wire_goodbye_t admission_objection(const wire_hello_t *hello, unsigned peer_roles, const char *key,
                                   const char **why)
{
    wire_goodbye_t objection = 0;
    if (!(peer_roles & 1u << hello->role))
        objection = GOODBYE_ROLE;
    else if (key && !(admission_roles(key) & key_roles_of(hello)))
        objection = GOODBYE_ROLE;
    else if (hello->version_max < WIRE_VERSION_MIN || hello->version_min > WIRE_VERSION)
        objection = GOODBYE_VERSION;
    *why = wire_goodbye_text(objection);
    bool by_user = key && uid_is_proof(key);
    if (objection || !key ||
        (by_user ? uid_name(key, hello->name) : allowed_name(key, hello->name)))
        return objection;
    *why = by_user
               ? "the name is of another kind of process than its user's"
               : "curve.allowed holds another key for this name; a process with a new key needs a "
                 "certificate of its own name, as gateway-0b for gateway-0";
    return GOODBYE_ROLE;
}
