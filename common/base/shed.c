#include "common/base/shed.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* A debugger's breakpoints are in no file: they would be lost with their pages. */
static bool s_is_debugged(void)
{
    char line[128];
    unsigned tracer = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "TracerPid: %u", &tracer) == 1)
            break;
    if (status)
        fclose(status);
    return tracer != 0;
}

/* The segments that nobody writes to. The linker keeps all that it tells of mapped meanwhile: what
 * /proc/self/maps tells of, another thread may have given back, and mapped anew for what it writes.
 */
static int s_shed_object(struct dl_phdr_info *object, size_t size, void *page)
{
    (void)size;
    const uintptr_t mask = ~(*(uintptr_t *)page - 1);
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t at = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
            madvise((void *)(at & mask), at + segment->p_filesz - (at & mask), MADV_DONTNEED);
    }
    return 0;
}

void shed_pages(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (!s_is_debugged())
        dl_iterate_phdr(s_shed_object, &page);
    malloc_trim(0);
}
