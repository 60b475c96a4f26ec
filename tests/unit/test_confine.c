/* What a confined process can do no more, in every thread, and what it still can. */
#include "child.h"
#include "common/life/confine.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static pthread_barrier_t s_confined;

static void s_try(const char *name, long rc)
{
    if (rc >= 0 || errno != EPERM)
        printf("%s was not refused: %s\n", name, strerror(errno));
}

static void s_try_all(void)
{
    char *arguments[] = {(char *)"true", NULL}, *none[] = {NULL};
    s_try("execve", execve("/bin/true", arguments, none));
    s_try("execveat", syscall(SYS_execveat, -1, "/bin/true", arguments, none, 0));
    s_try("unshare", unshare(CLONE_NEWUSER));
    s_try("setns", setns(-1, 0));
    s_try("mount", mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    s_try("chroot", chroot("/"));
    s_try("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
    s_try("process_vm_readv", syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
    s_try("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0));
    s_try("bpf", syscall(SYS_bpf, 0, NULL, 0));
    s_try("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    s_try("userfaultfd", syscall(SYS_userfaultfd, 0));
    s_try("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL));
    s_try("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, NULL, 0));
    s_try("init_module", syscall(SYS_init_module, NULL, 0, ""));
    s_try("TIOCSTI", ioctl(-1, TIOCSTI, ""));
    s_try("TIOCSPGRP", ioctl(-1, TIOCSPGRP, NULL));
    s_try("TIOCSCTTY", ioctl(-1, TIOCSCTTY, 0));
    s_try("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
}

static int s_listen(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = listen(fd, 1);
    int why = errno;
    close(fd);
    errno = why;
    return rc;
}

static void *s_thread(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&s_confined); /* it was there before the filter */
    s_try_all();
    return NULL;
}

static void *s_nothing(void *arg)
{
    return arg;
}

static void s_live(void *arg)
{
    (void)arg;
    pthread_t before, after;
    pthread_barrier_init(&s_confined, NULL, 2);
    pthread_create(&before, NULL, s_thread, NULL);
    confine_process();
    pthread_barrier_wait(&s_confined);
    pthread_join(before, NULL);
    s_try_all();
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        puts("no_new_privs is not set");
    if (pthread_create(&after, NULL, s_nothing, NULL) != 0 || pthread_join(after, NULL) != 0)
        puts("no threads any more");
    if (s_listen() != 0)
        printf("listens no more: %s\n", strerror(errno));
    confine_listening();
    s_try("listen", s_listen());
    puts("end");
}

static void test_a_confined_process(void **state)
{
    (void)state;
    char text[4096];
    assert_int_equal(child_run(s_live, NULL, text, sizeof text), 0);
    assert_string_equal(text, "end\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_confined_process)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
