/* A disk whose syncs take long, for a process of another's: preloaded (LD_PRELOAD), it holds each
 * sync up.
 *
 * SLOW_SYNC_FILE  has the milliseconds, as a decimal number; read at each sync. Missing: 0 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long s_delay_ms(void)
{
    char text[16] = "";
    const char *path = getenv("SLOW_SYNC_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    return len > 0 ? strtol(text, NULL, 10) : 0;
}

/* A signal does not make it shorter. */
static void s_hold_up(void)
{
    int kept = errno;
    long ms = s_delay_ms();
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (ms > 0 && nanosleep(&left, &left) != 0)
        continue;
    errno = kept;
}

static int s_sync(const char *name, int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    s_hold_up();
    return real ? real(fd) : -1;
}

int fsync(int fd)
{
    return s_sync("fsync", fd);
}

int fdatasync(int fd)
{
    return s_sync("fdatasync", fd);
}
