/* LMDB reads its file through memory: a page that is not there is a SIGBUS and no error code. */
#include "common/log/log.h"
#include "common/store/store_self.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char s_line[1200];

/* Only async-signal-safe calls. */
static void s_on_bus(int signal_number)
{
    ssize_t ignored = write(STDERR_FILENO, s_line, strlen(s_line));
    (void)ignored, (void)signal_number;
    _exit(EXIT_CONFIG);
}

void store_guard(const char *path)
{
    struct sigaction action = {.sa_handler = s_on_bus};
    snprintf(
        s_line, sizeof s_line,
        "fatal event=store.page path=%s err=\"data.mdb is cut off, or its disk cannot be read: "
        "look at the disk, then restore the directory from a backup\"\n",
        path);
    int rc = sigaction(SIGBUS, &action, NULL);
    assert(rc == 0);
}
