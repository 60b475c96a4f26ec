/* Names as a test wants them: this program's own getaddrinfo, for libcurl too. What begins with
 * "hang-" waits until it is released. */
#ifndef POSTERN_TEST_OWN_NAMES_H
#define POSTERN_TEST_OWN_NAMES_H

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static atomic_int s_looked_up, s_slow_released, s_hanging, s_most_hanging, s_hang_released;

typedef int (*getaddrinfo_fn)(const char *, const char *, const struct addrinfo *,
                              struct addrinfo **);

static int s_numeric(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **found)
{
    static getaddrinfo_fn real;
    if (!real)
        real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo numeric = *hints;
    numeric.ai_family = AF_UNSPEC;
    numeric.ai_flags = AI_NUMERICHOST;
    return real(host, service, &numeric, found);
}

/* In place of glibc's, for libcurl too. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    if (strcmp(host, "handler.test") == 0)
        return s_numeric("127.0.0.1", service, hints, found);
    if (strcmp(host, "mapped.test") == 0)
        return s_numeric("::ffff:127.0.0.2", service, hints, found);
    if (strcmp(host, "mixed.test") == 0) {
        int rc = s_numeric("127.0.0.2", service, hints, found);
        return rc ? rc : s_numeric("127.0.0.1", service, hints, &(*found)->ai_next);
    }
    if (strcmp(host, "rebind.test") == 0) {
        bool first = atomic_fetch_add(&s_looked_up, 1) == 0;
        return s_numeric(first ? "127.0.0.1" : "127.0.0.2", service, hints, found);
    }
    if (strncmp(host, "hang-", 5) == 0) {
        int now = atomic_fetch_add(&s_hanging, 1) + 1, most = atomic_load(&s_most_hanging);
        while (now > most && !atomic_compare_exchange_weak(&s_most_hanging, &most, now))
            ;
        while (!atomic_load(&s_hang_released))
            usleep(1000);
        atomic_fetch_sub(&s_hanging, 1);
        return s_numeric("127.0.0.1", service, hints, found);
    }
    if (strcmp(host, "slow.test") == 0) {
        atomic_fetch_add(&s_looked_up, 1);
        while (!atomic_load(&s_slow_released))
            usleep(1000);
        return s_numeric("127.0.0.1", service, hints, found);
    }
    return EAI_NONAME;
}

static inline void s_hang(void)
{
    atomic_store(&s_hang_released, 0);
    atomic_store(&s_most_hanging, 0);
}

static inline void s_release(void)
{
    atomic_store(&s_hang_released, 1);
    while (atomic_load(&s_hanging) > 0)
        usleep(1000);
}

#endif
