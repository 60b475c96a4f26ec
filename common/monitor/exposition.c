#include "common/monitor/exposition.h"

#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/monitor/monitor.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef enum { COUNTER, GAUGE, HISTOGRAM } s_type_t;
typedef enum { NONE, OP, CODE, KIND } s_label_t;

static const struct {
    const char *name;
    s_type_t type;
    s_label_t label;
    const char *help;
} s_rows[METRIC_COUNT] = {
#define METRIC(name, type, label, help) {#name, type, label, help},
#include "common/monitor/metrics.def"
#undef METRIC
};

/* The label's text of a slot; NULL when there is none. */
static const char *s_label_text(s_label_t label, unsigned slot)
{
    switch (label) {
    case OP:
        return slot < op_table_len ? op_table[slot].name : NULL;
    case CODE:
        if (slot == 0)
            return "none";
        return error_find(slot) ? error_find(slot)->name : NULL;
    case KIND:
        return slot < WORKER_KINDS ? op_owner_name((op_owner_t)slot) : NULL;
    case NONE:
        break;
    }
    return NULL;
}

static void s_write_labelled(FILE *to, unsigned row, const char *process)
{
    static const char *const names[] = {"", "op", "code", "kind"};
    for (unsigned slot = 0; slot < METRIC_LABELS; slot++) {
        int64_t value = metric_read(row, slot);
        const char *text = s_label_text(s_rows[row].label, slot);
        if (value != 0 && text)
            fprintf(to, "postern_%s{process=\"%s\",%s=\"%s\"} %" PRId64 "\n", s_rows[row].name,
                    process, names[s_rows[row].label], text, value);
    }
}

static void s_write_histogram(FILE *to, unsigned row, const char *process)
{
    const char *name = s_rows[row].name;
    int64_t total = 0;
    double bound = 50e-6;
    for (unsigned i = 0; i < METRIC_BUCKETS - 1; i++, bound *= 2) {
        total += metric_read(row, i);
        fprintf(to, "postern_%s_bucket{process=\"%s\",le=\"%g\"} %" PRId64 "\n", name, process,
                bound, total);
    }
    total += metric_read(row, METRIC_BUCKETS - 1);
    fprintf(to, "postern_%s_bucket{process=\"%s\",le=\"+Inf\"} %" PRId64 "\n", name, process,
            total);
    fprintf(to, "postern_%s_sum{process=\"%s\"} %.6f\n", name, process,
            (double)metric_read(row, METRIC_SLOT_SUM) / 1e6);
    fprintf(to, "postern_%s_count{process=\"%s\"} %" PRId64 "\n", name, process, total);
}

static bool s_touched(unsigned row)
{
    for (unsigned slot = 0; slot < METRIC_LABELS; slot++)
        if (metric_read(row, slot) != 0)
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

static void s_write_process(FILE *to, const char *process)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    fprintf(to, "# TYPE process_resident_memory_bytes gauge\n");
    fprintf(to, "process_resident_memory_bytes{process=\"%s\"} %ld\n", process, s_resident_bytes());
    fprintf(to, "# TYPE process_open_fds gauge\n");
    fprintf(to, "process_open_fds{process=\"%s\"} %u\n", process, s_open_files());
    fprintf(to, "# TYPE process_cpu_seconds_total counter\n");
    fprintf(to, "process_cpu_seconds_total{process=\"%s\"} %.3f\n", process, cpu);
    fprintf(to, "# TYPE postern_build_info gauge\n");
    fprintf(to, "postern_build_info{process=\"%s\",version=\"%s\"} 1\n", process, POSTERN_VERSION);
}

void exposition_write(FILE *to, const char *process)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    for (unsigned row = 0; row < METRIC_COUNT; row++) {
        if (!s_touched(row))
            continue;
        fprintf(to, "# HELP postern_%s %s\n# TYPE postern_%s %s\n", s_rows[row].name,
                s_rows[row].help, s_rows[row].name, types[s_rows[row].type]);
        if (s_rows[row].type == HISTOGRAM)
            s_write_histogram(to, row, process);
        else if (s_rows[row].label != NONE)
            s_write_labelled(to, row, process);
        else
            fprintf(to, "postern_%s{process=\"%s\"} %" PRId64 "\n", s_rows[row].name, process,
                    metric_read(row, 0));
    }
    s_write_process(to, process);
}

int64_t metric_get(metric_t metric)
{
    if (s_rows[metric].type == HISTOGRAM)
        return metric_read(metric, METRIC_SLOT_COUNT);
    int64_t sum = 0;
    for (unsigned slot = 0; slot < METRIC_LABELS; slot++)
        sum += metric_read(metric, slot);
    return sum;
}
