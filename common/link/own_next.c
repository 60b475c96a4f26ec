#include "common/link/own_next.h"

#include <dlfcn.h>
#include <stdlib.h>

void *own_next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}
