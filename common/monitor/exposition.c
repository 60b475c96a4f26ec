#include "common/monitor/exposition.h"

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/monitor/monitor.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char *const s_types[] = {"counter", "gauge", "gauge", "histogram", "histogram"};

/* The label's text of a slot. */
static const char *s_label_text(metric_label_t label, unsigned slot)
{
    switch (label) {
    case METRIC_LABEL_OP:
        return op_table[slot].name;
    case METRIC_LABEL_CODE:
        return slot ? error_find(slot)->name : "none";
    case METRIC_LABEL_KIND:
        return op_owner_name((op_owner_t)slot);
    case METRIC_LABEL_FORMAT:
    case METRIC_LABEL_SIGNATURE:
    case METRIC_LABEL_NONE:
        break;
    }
    return "";
}

static void s_write_values(FILE *to, unsigned metric, const char *owner, bool always)
{
    static const char *const names[] = {"", "op", "code", "kind"};
    const metric_row_t *row = &metric_table[metric];
    for (unsigned slot = 0; slot < metric_labels(metric); slot++)
        if (always || metric_touched(metric, slot)) {
            fprintf(to, "postern_%s{%s", row->name, owner);
            if (row->label >= METRIC_LABEL_FORMAT)
                label_pair_write(to, row->label, slot);
            else if (row->label != METRIC_LABEL_NONE)
                fprintf(to, ",%s=\"%s\"", names[row->label], s_label_text(row->label, slot));
            if (row->type == METRIC_TYPE_AGE)
                fprintf(to, "} %.3f\n", (double)metric_read(metric, slot) / 1e3);
            else
                fprintf(to, "} %" PRId64 "\n", metric_read(metric, slot));
        }
}

static void s_write_histogram(FILE *to, unsigned metric, const char *owner)
{
    const char *name = metric_table[metric].name;
    bool sizes = metric_table[metric].type == METRIC_TYPE_SIZES;
    unsigned buckets = sizes ? METRIC_SIZES : METRIC_BUCKETS;
    int64_t total = 0;
    double bound = sizes ? 1 : 50e-6;
    for (unsigned i = 0; i < buckets - 1; i++, bound *= 2) {
        total += metric_read(metric, i);
        fprintf(to, "postern_%s_bucket{%s,le=\"%g\"} %" PRId64 "\n", name, owner, bound, total);
    }
    total += metric_read(metric, buckets - 1);
    fprintf(to, "postern_%s_bucket{%s,le=\"+Inf\"} %" PRId64 "\n", name, owner, total);
    fprintf(to, "postern_%s_sum{%s} %.6f\n", name, owner,
            (double)metric_read(metric, METRIC_SLOT_SUM) / (sizes ? 1 : 1e6));
    fprintf(to, "postern_%s_count{%s} %" PRId64 "\n", name, owner, total);
}

/* The bit of a process by its name; 0: none of ours. */
static unsigned s_process_bit(const char *process)
{
    const struct {
        const char *name;
        unsigned bit;
    } processes[] = {
        {"postern-gateway", AT_GATEWAY},
        {"postern-authd", AT_AUTHD},
        {"postern-router", AT_ROUTER},
#define WORKER(constant, name, port, handlers, what)                                               \
    {"postern-" #name, op_owner_delivers(OWNER_##constant) ? AT_WORKER | AT_DELIVERY : AT_WORKER},
#include "common/kinds.def"
    };
    for (unsigned i = 0; i < sizeof processes / sizeof *processes; i++)
        if (strcmp(process, processes[i].name) == 0)
            return processes[i].bit;
    return 0;
}

/* A rate needs the 0 that was before the first event; a gauge that nobody has set is not 0. */
static bool s_is_constant(const metric_row_t *row, unsigned bit)
{
    return (row->at & bit) && row->type != METRIC_TYPE_GAUGE && row->type != METRIC_TYPE_AGE;
}

static bool s_is_touched(unsigned metric)
{
    for (unsigned slot = 0; slot < METRIC_SLOTS; slot++)
        if (metric_touched(metric, slot))
            return true;
    return false;
}

static unsigned s_open_files(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the directory itself */
}

static long s_resident_bytes(void)
{
    long size = 0, resident = 0;
    FILE *from = fopen("/proc/self/statm", "r");
    if (from) {
        if (fscanf(from, "%ld %ld", &size, &resident) != 2)
            resident = 0;
        fclose(from);
    }
    return resident * sysconf(_SC_PAGESIZE);
}

double process_start_seconds(void)
{
    /* Field 22 of stat: clock ticks after boot. The name in field 2 may hold anything but ends with
     * the last parenthesis. */
    char line[1024] = "";
    FILE *from = fopen("/proc/self/stat", "r");
    size_t len = from ? fread(line, 1, sizeof line - 1, from) : 0;
    if (from)
        fclose(from);
    line[len] = '\0';
    const char *field = strrchr(line, ')');
    for (int i = 2; field && i < 22; i++)
        field = strchr(field + 1, ' ');
    double now = (double)clock_wall_ms() / 1e3;
    if (!field)
        return now;
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    double started = strtod(field, NULL) / (double)sysconf(_SC_CLK_TCK);
    return now - ((double)up.tv_sec + (double)up.tv_nsec / 1e9 - started);
}

enum {
#define PROCESS_METRIC(name, type, label, help, action) S_##name,
#include "common/monitor/metrics.def"
    S_PROCESS_METRICS
};

static void s_write_process_row(FILE *to, unsigned row, const char *owner, double value)
{
    static const struct {
        const char *name, *help;
        metric_type_t type;
    } rows[] = {
#define PROCESS_METRIC(name, type, label, help, action) {#name, help, METRIC_TYPE_##type},
#include "common/monitor/metrics.def"
    };
    const char *name = rows[row].name;
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n%s{%s", name, rows[row].help, name,
            s_types[rows[row].type], name, owner);
    if (row == S_postern_build_info)
        fprintf(to, ",version=\"%s\"", POSTERN_VERSION);
    fprintf(to, "} %.*f\n", value == (double)(int64_t)value ? 0 : 3, value);
}

static void s_write_process(FILE *to, const char *owner, double started, double silent)
{
    struct rusage used;
    bool degraded, ready = checks_ready(&degraded);
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    const double values[S_PROCESS_METRICS] = {
        [S_postern_ready] = ready,
        [S_postern_degraded] = degraded,
        [S_postern_main_loop_silent_seconds] = silent,
        [S_process_resident_memory_bytes] = (double)s_resident_bytes(),
        [S_process_open_fds] = s_open_files(),
        [S_process_cpu_seconds_total] = cpu,
        [S_process_start_time_seconds] = started,
        [S_postern_build_info] = 1,
    };
    for (unsigned row = 0; row < S_PROCESS_METRICS; row++)
        s_write_process_row(to, row, owner, values[row]);
}

void exposition_write(FILE *to, const char *process, unsigned index, double started, double silent)
{
    char owner[128]; /* the labels of every series */
    unsigned bit = s_process_bit(process);
    snprintf(owner, sizeof owner, "process=\"%s\",index=\"%u\"", process, index);
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        const metric_row_t *row = &metric_table[metric];
        bool constant = s_is_constant(row, bit);
        if (!constant && !s_is_touched(metric))
            continue;
        fprintf(to, "# HELP postern_%s %s\n# TYPE postern_%s %s\n", row->name, row->help, row->name,
                s_types[row->type]);
        if (row->type >= METRIC_TYPE_HISTOGRAM)
            s_write_histogram(to, metric, owner);
        else
            s_write_values(to, metric, owner, constant);
    }
    s_write_process(to, owner, started, silent);
}
