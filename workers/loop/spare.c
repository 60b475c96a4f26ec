#include "workers/loop/spare.h"

#include "common/life/confine.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

static const conf_start_t *s_start;
static const char *s_kind;

/* A worker of any shard comes behind all shards: its monitor has a port of its own. */
static unsigned s_index(void)
{
    if (s_start->index < CONF_ANY)
        return s_start->index;
    return (unsigned)conf_uint(s_start->conf, conf_setting("shards", s_kind)) + s_start->index -
           CONF_ANY;
}

void spare_begin(const conf_start_t *start, const char *kind)
{
    s_start = start;
    s_kind = kind;
}

void spare_watch(void)
{
    static bool s_watched;
    char address[300], installation[CONF_INSTALLATION];
    if (s_watched)
        return;
    s_watched = true;
    unsigned index = s_index();
    conf_address(s_start->conf, conf_setting(s_kind, "monitor"), index, address, sizeof address);
    conf_installation(s_start->conf, installation);
    monitor_start(s_start->process, index, address, installation);
    if (s_start->index >= CONF_ANY)
        log_info("worker.start", "shard=any monitor=%s", address);
    else
        log_info("worker.start", "shard=%u monitor=%s", index, address);
}

void spare_serves(unsigned shard)
{
    spare_watch();
    monitor_index(shard);
}

void spare_waits(bool spare, const char *text)
{
    if (!s_start)
        return;
    spare_watch();
    monitor_check("journal", spare ? CHECK_OK : CHECK_FAILED, text);
    metric_set(METRIC_journal_spare, spare);
    monitor_tick();
    if (monitor_listens())
        confine_listening();
    if (spare)
        life_ready();
}
