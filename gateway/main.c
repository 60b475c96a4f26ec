/* postern-gateway: HTTP on one side, the ring on the other. It opens no database and parses no
 * body. */
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "gateway/gateway.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    conf_start_t start;
    char address[300], installation[CONF_INSTALLATION];
    conf_start(&start, "postern-gateway", "gateway", argc, argv);
    log_open(start.process, (log_level_t)log_level_of(conf_text(start.conf, SET_log_level)));
    life_begin();
    life_prepare(&start);
    gateway_t *gateway = gateway_new(&start);
    life_settle(&start);
    conf_address(start.conf, SET_gateway_monitor, start.index, address, sizeof address);
    conf_installation(start.conf, installation);
    if (gateway_was_passed_socket(gateway))
        monitor_start_shared(start.process, start.index, address, installation);
    else
        monitor_start(start.process, start.index, address, installation);
    int rc = gateway_run(gateway);
    /* The lanes' connections are still there: the kernel closes them. */
    _exit(rc);
}
