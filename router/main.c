/* postern-router: which worker owns which shard. */
#include "common/conf/conf.h"
#include "common/life/life.h"
#include "common/monitor/monitor.h"
#include "router/router.h"

int main(int argc, char **argv)
{
    conf_start_t start;
    char monitor[256], installation[CONF_INSTALLATION];

    conf_start(&start, "postern-router", "router", argc, argv);
    life_begin();
    life_prepare(&start);
    life_settle(&start);
    router_t *router = router_new(&start);
    conf_address(start.conf, SET_router_monitor, start.index, monitor, sizeof monitor);
    conf_installation(start.conf, installation);
    monitor_start(start.process, start.index, monitor, installation);
    router_run(router);
    router_destroy(&router);
    conf_destroy(&start.conf);
    return 0;
}
