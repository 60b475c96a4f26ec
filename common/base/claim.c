#include "common/base/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 10, LOOKS = 200, HOST = 64, ID = 32, COMMAND = 160 };

static const char s_prefix[] = "postern-port";

typedef struct {
    char name[sizeof((struct sockaddr_un *)0)->sun_path]; /* without the leading NUL */
    char host[HOST], id[ID];
} claim_t;

static socklen_t s_address(const char *name, struct sockaddr_un *address)
{
    size_t len = strlen(name);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len > sizeof address->sun_path - 1)
        len = sizeof address->sun_path - 1;
    memcpy(address->sun_path + 1, name, len);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

/* A socket that has NAME; -1 with errno. */
static int s_take(const char *name)
{
    struct sockaddr_un address;
    socklen_t len = s_address(name, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, SOMAXCONN) == 0))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* One looks and claims at a time. A stranger could hold the name: then not for ever. */
static int s_lock(const char *port)
{
    char name[32];
    int fd = -1;
    snprintf(name, sizeof name, "%s/%s", s_prefix, port);
    for (int i = 0; i < LOOKS && (fd = s_take(name)) < 0 && errno == EADDRINUSE; i++)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    return fd;
}

/* The process that has a claim: false when there is none. Nobody's (uid -1) where more have asked
 * than the kernel lets wait: a stranger can see to that at once, one of ours after thousands. */
static bool s_holder(const char *name, struct ucred *who)
{
    struct sockaddr_un address;
    socklen_t len = s_address(name, &address), size = sizeof *who;
    *who = (struct ucred){.uid = (uid_t)-1};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool there = fd >= 0 && connect(fd, (struct sockaddr *)&address, len) == 0;
    bool crowded = fd >= 0 && !there && errno == EAGAIN;
    there = there && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &size) == 0;
    if (fd >= 0)
        close(fd);
    return there || crowded;
}

/* Every IPv4 address is in 0.0.0.0, and every address in ::, which takes IPv4 too. */
static bool s_overlaps(const char *a, const char *b)
{
    bool v4 = !strchr(a, ':') && !strchr(b, ':');
    return strcmp(a, b) == 0 || strcmp(a, "::") == 0 || strcmp(b, "::") == 0 ||
           (v4 && (strcmp(a, "0.0.0.0") == 0 || strcmp(b, "0.0.0.0") == 0));
}

/* Reads a line of /proc/net/unix; false when it is no claim on PORT. */
static bool s_parse(const char *line, const char *port, claim_t *claim)
{
    char want[32];
    int len = snprintf(want, sizeof want, "@%s/%s/", s_prefix, port);
    const char *at = strstr(line, want);
    if (!at || sscanf(at + len, "%63[^/]/%31[^/\n]/", claim->host, claim->id) != 2)
        return false;
    snprintf(claim->name, sizeof claim->name, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    return true;
}

/* The command line of PID, as far as it says something. */
static void s_command(pid_t pid, char text[COMMAND])
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t len = fd >= 0 ? read(fd, text, COMMAND - 1) : 0;
    if (fd >= 0)
        close(fd);
    for (ssize_t i = 0; i + 1 < len; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    text[len > 0 ? len : 0] = '\0';
}

typedef struct {
    char host[HOST], port[8];
} port_t;

static port_t s_port(const char *address)
{
    port_t port;
    const char *colon = strrchr(address, ':');
    int len = colon ? (int)(colon - address) : 0;
    bool bracket = *address == '[' && len > 2;
    snprintf(port.host, sizeof port.host, "%.*s", bracket ? len - 2 : len, address + bracket);
    snprintf(port.port, sizeof port.port, "%s", colon ? colon + 1 : "");
    return port;
}

/* Whether somebody else than INSTALLATION has PORT, and who. USER: of this user only. */
static bool s_look(const port_t *port, const char *installation, bool user, struct ucred *who)
{
    char line[512];
    claim_t claim;
    FILE *list = fopen("/proc/self/net/unix", "re");
    bool found = false;
    while (list && !found && fgets(line, sizeof line, list))
        found = s_parse(line, port->port, &claim) && strcmp(claim.id, installation) != 0 &&
                s_overlaps(claim.host, port->host) && s_holder(claim.name, who) &&
                (!user || who->uid == geteuid());
    if (list)
        fclose(list);
    return found;
}

static void s_describe(const struct ucred *who, char *text, size_t size)
{
    char command[COMMAND];
    s_command(who->pid, command);
    snprintf(text, size, "process %d%s%s%s", (int)who->pid, *command ? " (" : "", command,
             *command ? ")" : "");
}

bool claim_holder(const char *address, char *text, size_t size)
{
    struct ucred who;
    port_t port = s_port(address);
    bool found = s_look(&port, "", false, &who);
    if (found)
        s_describe(&who, text, size);
    return found;
}

static int s_claim(const port_t *port, const char *installation, char *err, size_t err_size)
{
    char name[128];
    unsigned tail = 0;
    if (getrandom(&tail, sizeof tail, 0) != (ssize_t)sizeof tail)
        abort();
    snprintf(name, sizeof name, "%s/%s/%s/%s/%08x", s_prefix, port->port, port->host, installation,
             tail);
    int fd = s_take(name);
    if (fd < 0)
        snprintf(err, err_size, "cannot claim the port: %s", strerror(errno));
    return fd;
}

int claim_port(const char *address, const char *installation, char *err, size_t err_size)
{
    struct ucred who;
    char holder[COMMAND + 32];
    port_t port = s_port(address);
    int lock = s_lock(port.port), fd = -1, error = EADDRINUSE;
    if (s_look(&port, installation, true, &who)) {
        s_describe(&who, holder, sizeof holder);
        snprintf(err, err_size, "another installation of Postern listens there: %s", holder);
    } else {
        fd = s_claim(&port, installation, err, err_size);
        error = errno;
    }
    if (lock >= 0)
        close(lock);
    errno = error;
    return fd;
}
