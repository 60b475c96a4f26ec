/* posternctl: starts, watches and manages Postern. */
#include "common/base/secret.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "ctl/ctl.h"

#include <locale.h>
#include <malloc.h>
#include <stdlib.h>

/* Replies hold tokens and appkeys: what jansson frees is overwritten first. */
static void s_free_wiped(void *data)
{
    if (data)
        secret_wipe(data, malloc_usable_size(data));
    free(data);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    json_set_alloc_funcs(malloc, s_free_wiped);
    log_open("posternctl", LOG_WARN);
    life_raise_descriptors();
    ctl_t *ctl = ctl_new();
    int status = ctl_parse(ctl, argc, argv);
    if (status < 0)
        status = ctl_run(ctl);
    ctl_destroy(&ctl);
    return status;
}
