/* The suite of the journal's interface: test_conformance_ENGINE [SEED [COUNT [PLACE]]]
 *
 * Without arguments: each call and each outcome, then a short run of random histories. With a seed:
 * COUNT histories from it on, each with a seed of its own, which is printed where one goes wrong;
 * SEED alone runs that one. PLACE: an existing directory for the journals; without it they are in
 * memory where that can be and has the room, since no history cuts the power. */
#include "tests/conformance/calls.h"
#include "tests/conformance/history.h"
#include "tests/conformance/subject.h"
#include "tests/unit/scratch.h"

#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    ID_ANEW = 1334, /* an id comes again when it is forgotten, before a death without a commit */
};
static const char s_memory[] = "/dev/shm";
static const uint64_t s_memory_least = 1 << 30; /* a container has 64 MiB of it */

static const char *s_usual_place(void)
{
    struct statvfs fs;
    bool roomy = access(s_memory, W_OK) == 0 && statvfs(s_memory, &fs) == 0 &&
                 (uint64_t)fs.f_bavail * fs.f_frsize >= s_memory_least;
    return roomy ? s_memory : TEST_DIR;
}

static bool s_run(uint64_t seed, const char *under)
{
    char place[SCRATCH];
    snprintf(place, sizeof place, "%s/history.XXXXXX", under);
    if (!mkdtemp(place)) {
        fprintf(stderr, "%s: no directory can be made there\n", under);
        return false;
    }
    bool good = history_run(seed, place);
    if (good)
        scratch_remove(place);
    else
        fprintf(stderr, "the history of seed %llu went wrong; its journal: %s\n",
                (unsigned long long)seed, place);
    return good;
}

static int s_run_all(uint64_t seed, uint64_t count, const char *under)
{
    for (uint64_t i = 0; i < count; i++)
        if (!s_run(seed + i, under))
            return 1;
    printf("%llu histories from seed %llu on are right\n", (unsigned long long)count,
           (unsigned long long)seed);
    return 0;
}

static int s_main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : subject_histories;
    int failed = argc > 1 ? 0 : calls_run() + calls_outbox_run() + calls_retained_run();
    const char *under = argc > 3 ? argv[3] : s_usual_place();
    if (argc <= 1 && !failed)
        failed = s_run_all(ID_ANEW, 1, under);
    return failed ? 1 : s_run_all(seed, count, under);
}

int main(int argc, char **argv)
{
    bool other = argc > 1 && (*argv[1] < '0' || *argv[1] > '9');
    int status = subject_begin() != 0 ? 1
                 : other              ? subject_do(argc - 1, argv + 1)
                                      : s_main(argc, argv);
    subject_end();
    return status;
}
