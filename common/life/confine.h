/* What no process of Postern's needs from the kernel, given up for good: no_new_privs, so that no
 * program gains rights, and a seccomp filter of system calls. It is a deny list: what a library of
 * a later version calls is not known, and an allow list that is too short ends a gateway under
 * load. It stops who has taken over a process from starting a program, looking into another
 * process, entering or making namespaces, mounting, loading code into the kernel and using those of
 * its interfaces in which most of its own faults are found (bpf, io_uring, userfaultfd, perf,
 * keys). It does not stop reading and writing what the process's user may. A call that is denied
 * fails with EPERM. */
#ifndef POSTERN_CONFINE_H
#define POSTERN_CONFINE_H

/* For every thread, and what they start. A kernel that takes no filter is logged, and the process
 * goes on. Once what only root may do is done. */
void confine_process(void);

#endif
