/* libzmq asks epoll for room to send before it sends, is told of it at once in its next wait, finds
 * nothing more to send and takes it back: three system calls for each message that a thread of its
 * own sends. The calls that are linked with this file, and that libzmq finds first, keep the wish
 * to themselves, and tell libzmq of room once without asking the kernel. Only a wish that is still
 * there after that reaches it.
 *
 * It is libzmq's own wait where its first descriptor is one of its signals (own_signals.h), added
 * as libzmq does. All calls for another one are passed on.
 *
 * Threading: any thread; a wait and what it waits for are one thread's, as libzmq's are. */
#ifndef POSTERN_OWN_SENDS_H
#define POSTERN_OWN_SENDS_H

/* Once a process, before it has a ZeroMQ context. */
void own_sends_keep(void);

#endif
