#include "ctl/libcurl.h"

#include "ctl/ctl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define LIBRARY "libcurl.so.4" /* of all versions since 2006, and of Debian's package libcurl4 */

static void *s_found(void *found)
{
    if (found)
        return found;
    fprintf(stderr, "posternctl: %s; install libcurl (Debian's package libcurl4)\n", dlerror());
    exit(CTL_REFUSED);
}

static void s_load(libcurl_t *self)
{
    void *library = s_found(dlopen(LIBRARY, RTLD_NOW));
#define LIBCURL_CALL(name) *(void **)&self->name = s_found(dlsym(library, "curl_" #name));
    LIBCURL_CALLS(LIBCURL_CALL)
#undef LIBCURL_CALL
}

const libcurl_t *libcurl(void)
{
    static libcurl_t loaded;
    if (!loaded.easy_init)
        s_load(&loaded);
    return &loaded;
}
