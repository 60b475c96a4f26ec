/* libzmq asks for its process's id with every signal between two threads, to notice a fork. glibc
 * makes each a system call: with small batches every third one of a process, at 1 µs on a virtual
 * machine. The getpid that is linked with this file, and that libzmq finds first, remembers.
 *
 * Threading: any thread. */
#ifndef POSTERN_OWN_PID_H
#define POSTERN_OWN_PID_H

/* Remembers from here on; a fork's child asks again. Once a process. */
void own_pid_keep(void);

#endif
