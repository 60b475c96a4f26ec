#include "common/base/shed.h"

#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

typedef struct {
    unsigned long begin, end;
    bool file; /* mapped for itself alone, and not to be written to */
} area_t;

/* The head of an area of /proc/PID/smaps: BEGIN-END PERMISSIONS OFFSET DEVICE INODE PATH; false for
 * what is said of it. */
static bool s_head(const char *line, area_t *area)
{
    unsigned long begin, end;
    char access[5], path[2] = "";
    if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %1s", &begin, &end, access, path) < 3)
        return false;
    *area = (area_t){begin, end, path[0] == '/' && access[1] == '-' && access[3] == 'p'};
    return true;
}

/* A page that was written to, by relocation or a debugger, is in no file: such an area stays. */
static void s_shed(const area_t *area, unsigned long anonymous)
{
    if (area->file && anonymous == 0)
        madvise((void *)area->begin, area->end - area->begin, MADV_DONTNEED);
}

void shed_pages(void)
{
    area_t area = {0};
    unsigned long anonymous;
    char line[PATH_MAX + 128];
    FILE *areas = fopen("/proc/self/smaps", "re");
    while (areas && fgets(line, sizeof line, areas))
        if (!s_head(line, &area) && sscanf(line, "Anonymous: %lu", &anonymous) == 1)
            s_shed(&area, anonymous);
    if (areas)
        fclose(areas);
    malloc_trim(0);
}
