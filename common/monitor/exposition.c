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
    case METRIC_LABEL_NONE:
        break;
    }
    return "";
}

static void s_write_labelled(FILE *to, unsigned metric, const char *process)
{
    static const char *const names[] = {"", "op", "code", "kind"};
    const metric_row_t *row = &metric_table[metric];
    for (unsigned slot = 0; slot < metric_labels(metric); slot++)
        if (metric_touched(metric, slot))
            fprintf(to, "postern_%s{process=\"%s\",%s=\"%s\"} %" PRId64 "\n", row->name, process,
                    names[row->label], s_label_text(row->label, slot), metric_read(metric, slot));
}

static void s_write_histogram(FILE *to, unsigned metric, const char *process)
{
    const char *name = metric_table[metric].name;
    int64_t total = 0;
    double bound = 50e-6;
    for (unsigned i = 0; i < METRIC_BUCKETS - 1; i++, bound *= 2) {
        total += metric_read(metric, i);
        fprintf(to, "postern_%s_bucket{process=\"%s\",le=\"%g\"} %" PRId64 "\n", name, process,
                bound, total);
    }
    total += metric_read(metric, METRIC_BUCKETS - 1);
    fprintf(to, "postern_%s_bucket{process=\"%s\",le=\"+Inf\"} %" PRId64 "\n", name, process,
            total);
    fprintf(to, "postern_%s_sum{process=\"%s\"} %.6f\n", name, process,
            (double)metric_read(metric, METRIC_SLOT_SUM) / 1e6);
    fprintf(to, "postern_%s_count{process=\"%s\"} %" PRId64 "\n", name, process, total);
}

static bool s_is_exported(unsigned metric)
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

static void s_write_one(FILE *to, const char *name, const char *type, const char *help,
                        const char *process, double value)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n%s{process=\"%s\"} %.3f\n", name, help, name, type,
            name, process, value);
}

static void s_write_process(FILE *to, const char *process, double started)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    s_write_one(to, "process_resident_memory_bytes", "gauge", "resident memory", process,
                (double)s_resident_bytes());
    s_write_one(to, "process_open_fds", "gauge", "open descriptors", process, s_open_files());
    s_write_one(to, "process_cpu_seconds_total", "counter", "user and system time", process, cpu);
    s_write_one(to, "process_start_time_seconds", "gauge", "start of the process since 1970",
                process, started);
    fprintf(to,
            "# HELP postern_build_info version of this process\n"
            "# TYPE postern_build_info gauge\n"
            "postern_build_info{process=\"%s\",version=\"%s\"} 1\n",
            process, POSTERN_VERSION);
}

void exposition_write(FILE *to, const char *process, double started)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        const metric_row_t *row = &metric_table[metric];
        if (!s_is_exported(metric))
            continue;
        fprintf(to, "# HELP postern_%s %s\n# TYPE postern_%s %s\n", row->name, row->help, row->name,
                types[row->type]);
        if (row->type == METRIC_TYPE_HISTOGRAM)
            s_write_histogram(to, metric, process);
        else if (row->label != METRIC_LABEL_NONE)
            s_write_labelled(to, metric, process);
        else
            fprintf(to, "postern_%s{process=\"%s\"} %" PRId64 "\n", row->name, process,
                    metric_read(metric, 0));
    }
    s_write_process(to, process, started);
}
