/* What the files of the store share. Private to common/store. */
#ifndef POSTERN_STORE_SELF_H
#define POSTERN_STORE_SELF_H

#include "common/store/store.h"

#include <stdbool.h>

struct store {
    MDB_env *env;
    MDB_dbi meta;
    char path[1024];
    _Atomic uint64_t free_pages; /* as counted at counted_ms */
    _Atomic int64_t counted_ms;
};

/* store_guard.c: from here on a page of the map that the file does not have, or that the disk
 * cannot give (SIGBUS), an access past the map (SIGSEGV) and what LMDB itself finds impossible end
 * the process with EXIT_CONFIG and a line that names PATH and the page, unless store_try is there.
 * A process has one store; of several the line names the last. */
void store_guard(MDB_env *env, const char *path);

enum { STORE_READERS = 512 };

/* store_room.c: makes LMDB's table of readers (lock.mdb) in the directory PATH with all its blocks:
 * LMDB writes it through memory, where a block that the disk has no room for is a SIGBUS. 0, or an
 * errno. Before mdb_env_open, which this process must not have done for PATH. */
int store_lock_room(const char *path);

/* store_room.c: whether what LMDB opens in the directory PATH is its own: a link would lead it into
 * another file, and another name into the hands of somebody else. 0, also where it is missing, or
 * -1 with the reason in err. */
int store_check_files(const char *path, char *err, size_t err_size);

/* store_room.c: whether a file in the directory PATH gets no more blocks, which the free room of
 * the file system says nothing of where a user or a directory has a quota. */
bool store_quota_reached(const char *path);

/* Says in err what rc means for an operator; returns -1. */
int store_say_rc(char *err, size_t err_size, const char *path, int rc);

#endif
