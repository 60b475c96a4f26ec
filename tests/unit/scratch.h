/* A directory of a test's own, under the build directory: a real file system, where /tmp may be
 * memory. */
#ifndef POSTERN_TEST_SCRATCH_H
#define POSTERN_TEST_SCRATCH_H

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH = 512 };

static inline void scratch_make(char path[SCRATCH])
{
    int len = snprintf(path, SCRATCH, "%s/scratch.XXXXXX", TEST_DIR);
    assert(len < SCRATCH);
    char *made = mkdtemp(path);
    assert(made);
}

static inline int scratch_remove_one(const char *path, const struct stat *is, int flag,
                                     struct FTW *at)
{
    (void)is, (void)flag, (void)at;
    return remove(path);
}

static inline void scratch_remove(const char *path)
{
    nftw(path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* NAME in the directory; two results in turn, so that a call may take both. */
static inline const char *scratch_at(const char scratch[SCRATCH], const char *name)
{
    static char paths[2][SCRATCH + 64];
    static unsigned turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", scratch, name);
    return paths[turn];
}

static inline void scratch_write(const char *path, const char *text)
{
    FILE *to = fopen(path, "w");
    assert(to);
    fputs(text, to);
    int rc = fclose(to);
    assert(rc == 0);
}

#endif
