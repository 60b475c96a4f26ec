#include "common/life/confine.h"

#include "common/log/log.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#if defined __SANITIZE_ADDRESS__
#define TRACES_ITSELF 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define TRACES_ITSELF 1
#endif
#endif
#ifndef TRACES_ITSELF
#define TRACES_ITSELF 0
#endif

/* By name: one that this version of the kernel's headers does not know is passed over. */
static const char *const s_denied[] = {
    /* other programs */
    "execve", "execveat",
    /* other processes; a kernel's object by its number */
    "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "open_by_handle_at",
    "name_to_handle_at",
    /* namespaces and file systems */
    "setns", "unshare", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount",
    "fspick", "move_mount", "open_tree", "mount_setattr", "swapon", "swapoff", "quotactl",
    "quotactl_fd", "acct",
    /* the kernel itself */
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "bpf",
    "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "keyctl", "add_key", "request_key", "syslog", "lookup_dcookie", "personality",
    /* the machine */
    "reboot", "sethostname", "setdomainname", "settimeofday", "clock_settime", "clock_adjtime",
    "adjtimex", "iopl", "ioperm", "vhangup", "mknod", "mknodat"};

static int s_deny(scmp_filter_ctx filter, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    int rc =
        number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
    return rc == -EDOM ? 0 : rc; /* this architecture has none of that name */
}

/* clone makes threads, but no namespaces. Of clone3 the flags lie in memory, where a filter cannot
 * look: libc takes clone where there is none. */
static int s_deny_namespaces(scmp_filter_ctx filter)
{
    static const unsigned long flags[] = {CLONE_NEWNS,  CLONE_NEWUSER, CLONE_NEWPID,   CLONE_NEWNET,
                                          CLONE_NEWIPC, CLONE_NEWUTS,  CLONE_NEWCGROUP};
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    for (size_t i = 0; rc == 0 && i < sizeof flags / sizeof *flags; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    return rc;
}

/* Characters that are put into a terminal would be read by its shell; and what is typed there goes
 * to the process group that is in the foreground. */
static int s_deny_terminals(scmp_filter_ctx filter)
{
    static const unsigned long requests[] = {TIOCSTI, TIOCLINUX, TIOCSPGRP, TIOCSCTTY};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof requests / sizeof *requests; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, requests[i]));
    return rc;
}

static int s_deny_all(scmp_filter_ctx filter)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof s_denied / sizeof *s_denied; i++)
        rc = s_deny(filter, s_denied[i]);
    if (rc == 0 && !TRACES_ITSELF) /* the leak checker does */
        rc = s_deny(filter, "ptrace");
    if (rc == 0)
        rc = s_deny_namespaces(filter);
    if (rc == 0)
        rc = s_deny_terminals(filter);
    return rc;
}

static int s_deny_listening(scmp_filter_ctx filter)
{
    return s_deny(filter, "listen");
}

/* Loads a filter in all threads: libraries have started some before. */
static void s_confine(int (*deny)(scmp_filter_ctx filter))
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int rc = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM;
    /* Linux of 4.17 to 5.15 slows the memory of each process that has a filter, against code of
     * others that runs in it: there is none here. Others know no such attribute, or need none. */
    if (rc == 0)
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    if (rc == 0)
        rc = deny(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    if (rc != 0)
        log_warn("life.confine", "step=seccomp err=%s hint=\"system calls are not filtered\"",
                 LOG_Q(strerror(-rc)));
    if (filter)
        seccomp_release(filter);
}

void confine_process(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        log_warn("life.confine", "step=no_new_privs err=%s", LOG_Q(strerror(errno)));
    s_confine(s_deny_all);
}

void confine_listening(void)
{
    static bool done;
    if (!done)
        s_confine(s_deny_listening);
    done = true;
}
