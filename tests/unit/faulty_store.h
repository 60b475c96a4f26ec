/* A store whose system calls can be made to fail: what test_store.c stands on. */
#ifndef POSTERN_FAULTY_STORE_H
#define POSTERN_FAULTY_STORE_H

#include "common/store/store.h"

#include "child.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include <cmocka.h>

static struct {
    int page_errno, meta_errno, sync_errno; /* 0: no fault */
    bool short_write;                       /* half of each page write */
    bool disk_full;                         /* as statvfs tells */
    bool quota_full;                        /* which only fallocate tells */
    long file_system;                       /* as statfs tells */
    unsigned syncs;
} s_fault;

enum { PAGE = 4096 };

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    /* Pages are whole, a meta page is written in part. */
    int wrong = len % PAGE ? s_fault.meta_errno : s_fault.page_errno;
    if (wrong) {
        errno = wrong;
        return -1;
    }
    if (s_fault.short_write && len % PAGE == 0)
        len /= 2;
    return syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (s_fault.page_errno) {
        errno = s_fault.page_errno;
        return -1;
    }
    return syscall(SYS_writev, fd, parts, s_fault.short_write ? 1 : count);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    if (!s_fault.quota_full)
        return (int)syscall(SYS_fallocate, fd, mode, at, len);
    errno = EDQUOT;
    return -1;
}

int fdatasync(int fd)
{
    s_fault.syncs++;
    if (s_fault.sync_errno) {
        errno = s_fault.sync_errno;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int statfs(const char *path, struct statfs *is)
{
    int rc = (int)syscall(SYS_statfs, path, is);
    if (rc == 0 && s_fault.file_system)
        is->f_type = s_fault.file_system;
    return rc;
}

int statvfs(const char *path, struct statvfs *is)
{
    struct statfs kernel;
    if (syscall(SYS_statfs, path, &kernel) != 0)
        return -1;
    *is = (struct statvfs){.f_bavail = s_fault.disk_full ? 0 : kernel.f_bavail,
                           .f_frsize = (unsigned long)kernel.f_frsize};
    return 0;
}

static char s_scratch[SCRATCH], s_path[SCRATCH + 16], s_err[1024];
static store_options_t s_options;

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_scratch);
    snprintf(s_path, sizeof s_path, "%s/store", s_scratch);
    memset(&s_fault, 0, sizeof s_fault);
    s_options = (store_options_t){
        .path = s_path, .kind = "journal", .schema = 2, .tables = 4, .map_bytes = 4u << 20};
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    memset(&s_fault, 0, sizeof s_fault);
    scratch_remove(s_scratch);
    return 0;
}

static store_t *s_open(MDB_dbi *dbi)
{
    store_t *store = store_open(&s_options, s_err, sizeof s_err);
    if (!store)
        fail_msg("store_open: %s", s_err);
    assert_int_equal(store_table(store, "log", dbi, s_err, sizeof s_err), 0);
    return store;
}

static void s_refuses(const char *reason)
{
    s_err[0] = '\0';
    assert_null(store_open(&s_options, s_err, sizeof s_err));
    if (!strstr(s_err, reason))
        fail_msg("said \"%s\", not \"%s\"", s_err, reason);
    assert_int_equal(strncmp(s_err, s_path, strlen(s_path)), 0);
}

static int s_put(MDB_txn *txn, MDB_dbi dbi, unsigned number, size_t size)
{
    static char data[64 * 1024];
    unsigned char key[4] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16),
                            (unsigned char)(number >> 8), (unsigned char)number};
    MDB_val k = {sizeof key, key}, v = {size, data};
    return mdb_put(txn, dbi, &k, &v, 0);
}

/* One record in one transaction. */
static store_commit_t s_write(store_t *store, MDB_dbi dbi, unsigned number, size_t size)
{
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
    int rc = s_put(txn, dbi, number, size);
    if (rc == 0)
        return store_commit(store, txn);
    mdb_txn_abort(txn);
    return store_failure(rc);
}

static size_t s_count(store_t *store, MDB_dbi dbi)
{
    MDB_txn *txn;
    MDB_stat stat;
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_stat(txn, dbi, &stat), 0);
    mdb_txn_abort(txn);
    return stat.ms_entries;
}

#endif
