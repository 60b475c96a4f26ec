/* postern-authd: whose token it is, and where a request may go. */
#include "authd/authd.h"
#include "authd/copies/copies.h"
#include "common/conf/conf.h"
#include "common/life/engine.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <jansson.h>

static void s_monitor(const conf_start_t *start)
{
    char address[256], installation[CONF_INSTALLATION];
    conf_address(start->conf, SET_authd_monitor, start->index, address, sizeof address);
    conf_installation(start->conf, installation);
    monitor_start(start->process, start->index, address, installation);
}

int main(int argc, char **argv)
{
    conf_start_t start;
    conf_start(&start, "postern-authd", "authd", argc, argv);
    engine_choose("directory.engine", conf_text(start.conf, SET_directory_engine), copies_engine(),
                  start.process, argv);
    life_begin();
    life_prepare(&start);
    life_make_known(start.conf);
    life_settle(&start);
    json_object_seed(0); /* before there is a second thread to make objects */
    if (copies_wait())
        s_monitor(&start);
    authd_t *authd = authd_new(&start);
    if (!copies_wait())
        s_monitor(&start);
    bool done = authd_run(authd);
    authd_destroy(&authd);
    conf_destroy(&start.conf);
    return done ? 0 : EXIT_FAULT;
}
