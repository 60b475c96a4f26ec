/* Confinement: a process gives up for good what no process of Postern's needs from the kernel, by
 * no_new_privs, so that no program gains rights, and by a seccomp filter of system calls. The
 * filter is a deny list: which calls a later version of a library makes is not known, and an allow
 * list that is too short ends a gateway under load. The filter stops who has taken over a process
 * from starting a program, looking into another process, entering or making namespaces, mounting,
 * loading code into the kernel and using the interfaces in which most faults of the kernel are
 * found (bpf, io_uring, userfaultfd, perf, keys). It does not stop reading and writing files that
 * the process's user may read and write. A call that is denied fails with EPERM. */
#ifndef POSTERN_CONFINE_H
#define POSTERN_CONFINE_H

/* Confines every thread, and what they start. A kernel that takes no filter is logged, and the
 * process goes on. To be called when all is done that only root may do. */
void confine_process(void);

/* The process listens no more than it does: who takes it over cannot wait for the moment in which
 * the port of another process is free, and take what senders send there. After confine_process, and
 * when the last socket listens, which may be the monitor's (monitor_listens); later calls do
 * nothing. Main thread. */
void confine_listening(void);

#endif
