/* LMDB reads its file through memory and believes what it finds there: a page that is not there is
 * a SIGBUS, an offset out of a damaged page a SIGSEGV, and what its asserts notice an abort; there
 * is no error code. */
#include "common/log/log.h"
#include "common/store/store_self.h"

#include <assert.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096 };

static char s_path[1100];
static uintptr_t s_begin, s_end; /* the map */
static struct sigaction s_before;
static __thread sigjmp_buf *volatile s_back; /* of the innermost store_try; NULL: none */
static __thread volatile bool s_writing;     /* store_guard_write */

/* Only async-signal-safe calls. */
static void s_write(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static void s_write_number(uint64_t number)
{
    char text[24], *at = text + sizeof text - 1;
    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    s_write(at);
}

static void s_die(bool has_page, uint64_t page)
{
    s_write("fatal event=store.page path=");
    s_write(s_path);
    if (has_page) {
        s_write(" page=");
        s_write_number(page);
    }
    if (s_writing) {
        s_write(
            " err=\"data.mdb is cut off or damaged, or its disk cannot be read: met by a write, "
            "of which nothing is kept\" action=\"exiting: the next start reads all of it\"\n");
        _exit(EXIT_FAULT);
    }
    s_write(
        " err=\"data.mdb is cut off or damaged, or its disk cannot be read: look at the disk, then "
        "restore the directory from a backup\"\n");
    _exit(EXIT_CONFIG);
}

void store_guard_write(bool writing)
{
    s_writing = writing;
}

/* A damaged page may point anywhere. */
static void s_hint(void)
{
    s_write("fatal event=store.fault path=");
    s_write(s_path);
    s_write(" err=\"a fault of the process: if it comes again, look with posternctl check whether "
            "data.mdb is damaged\"\n");
}

static void s_on_fault(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    const ucontext_t *faulted = context;
    if (s_back) {
        pthread_sigmask(SIG_SETMASK, &faulted->uc_sigmask, NULL);
        siglongjmp(*s_back, 1);
    }
    bool ours = at >= s_begin && at < s_end;
    if (signal_number == SIGBUS || ours)
        s_die(ours, (at - s_begin) / PAGE);
    s_hint();
    sigaction(SIGSEGV, &s_before, NULL); /* a fault of another kind, perhaps: it comes again */
}

static void s_on_assert(MDB_env *env, const char *text)
{
    (void)env, (void)text;
    if (s_back)
        siglongjmp(*s_back, 1);
    s_die(false, 0);
}

/* Where the file is mapped: LMDB does not say. */
static void s_find_map(const char *path)
{
    char real[4096], file[4200], line[4400];
    uintptr_t begin, end;
    FILE *maps = fopen("/proc/self/maps", "r");
    snprintf(file, sizeof file, "%s/data.mdb", realpath(path, real) ? real : path);
    while (maps && fgets(line, sizeof line, maps)) {
        line[strcspn(line, "\n")] = '\0';
        size_t len = strlen(line), name = strlen(file);
        if (len > name && strcmp(line + len - name, file) == 0 &&
            sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &begin, &end) == 2) {
            s_begin = begin;
            s_end = end;
        }
    }
    if (maps)
        fclose(maps);
}

void store_guard(MDB_env *env, const char *path)
{
    struct sigaction action = {.sa_sigaction = s_on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER},
                     before;
    snprintf(s_path, sizeof s_path, "%s", path);
    s_find_map(path);
    int rc = mdb_env_set_assert(env, s_on_assert);
    if (rc == 0)
        rc = sigaction(SIGBUS, &action, NULL);
    if (rc == 0)
        rc = sigaction(SIGSEGV, &action, &before);
    assert(rc == 0);
    if (before.sa_sigaction != s_on_fault)
        s_before = before;
}

/* No mask is saved, which would be a system call: the handler puts that of who faulted back, which
 * may not be the one that it runs with (ThreadSanitizer blocks all signals around it). */
int store_try(int (*read)(void *arg), void *arg)
{
    sigjmp_buf here, *volatile outer = s_back;
    volatile int rc = MDB_CORRUPTED;
    if (sigsetjmp(here, 0) == 0) {
        s_back = &here;
        rc = read(arg);
    }
    s_back = outer;
    return rc;
}
