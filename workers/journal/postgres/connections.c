#include "workers/journal/postgres/connections.h"

#include "common/life/kinds.h"
#include "common/postgres/connection.h"

#include <stdio.h>

enum { PLACE = 4096 };

int connections_share(const conf_t *conf, const char *file, const char *worker, schema_said_fn said,
                      char *err, size_t err_size)
{
    int rc = 0;
    for (unsigned i = 0; i < KINDS && rc == 0 && kinds_apart(conf); i++) {
        kinds_user_t user;
        char path[PLACE], line[128];
        if (!kinds_has_handlers(kinds_all[i]) || !conf_is_shared(conf, kinds_all[i]) ||
            kinds_user(conf, kinds_all[i], &user) != 0)
            continue;
        snprintf(path, sizeof path, "%s.%s", file, kinds_all[i]);
        int made = connection_copy(path, worker, user.user, user.group, err, err_size);
        snprintf(line, sizeof line, "made the same file for %s workers, whose user is another",
                 kinds_all[i]);
        if (made > 0)
            said(line);
        rc = made < 0 ? -1 : 0;
    }
    return rc;
}
