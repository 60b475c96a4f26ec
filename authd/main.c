/* postern-authd: whose token it is, and where a request may go. */
#include "authd/authd.h"
#include "common/conf/conf.h"
#include "common/life/life.h"
#include "common/monitor/monitor.h"

int main(int argc, char **argv)
{
    conf_start_t start;
    char monitor[256];

    conf_start(&start, "postern-authd", "authd", argc, argv);
    const char *own[] = {conf_text(start.conf, SET_data_directory),
                         conf_text(start.conf, SET_data_sockets),
                         conf_text(start.conf, SET_authd_master_key), NULL};
    life_begin();
    life_make_dir(conf_text(start.conf, SET_data_sockets));
    life_drop_privileges(conf_text(start.conf, SET_process_user), own);
    authd_t *authd = authd_new(&start);
    conf_address(start.conf, SET_authd_monitor, start.index, monitor, sizeof monitor);
    monitor_start(start.process, start.index, monitor);
    authd_run(authd);
    authd_destroy(&authd);
    conf_destroy(&start.conf);
    return 0;
}
