/* libzmq does what its sockets send and receive in a thread of its own: at each hop a message wakes
 * that of the sender, that of the receiver, and the receiver. A process with one loop does without
 * it: libzmq's thread is made a fiber of the loop's thread, with a stack of its own, which goes on
 * until it would wait, and then goes back to the loop, which waits for both.
 *
 * The calls that are linked with this file, and that libzmq finds first, give it the loop's thread
 * for the second thread that it makes with its context (the first one is that which closes
 * sockets), and own_sends.h's epoll_wait goes back to the loop. Where a thread could not be told
 * apart, or a sanitizer cannot follow (ThreadSanitizer; clang's AddressSanitizer), there is a
 * thread as ever.
 *
 * Threading: own_thread_is_here and own_thread_fd any thread, the others as they say. */
#ifndef POSTERN_OWN_THREAD_H
#define POSTERN_OWN_THREAD_H

#include <stdbool.h>

/* The calling thread is to do libzmq's work. Once a process, before own_thread_making. */
void own_thread_adopt(void);

/* Around the making of the context's threads. */
void own_thread_making(bool making);

/* Whether the calling thread does libzmq's work. */
bool own_thread_is_here(void);

/* For the loop to wait for: becomes readable when there is work. -1 elsewhere than in its thread,
 * and before its first turn. */
int own_thread_fd(void);

/* WAIT_MS (-1: without end), or less, where libzmq has something to do by then. */
int own_thread_wait_ms(int wait_ms);

/* Does the work that is there, of the descriptors only where own_thread_fd was READABLE. Nothing
 * elsewhere than in its thread, and in what libzmq calls. */
void own_thread_turn(bool readable);

/* Works for MS. */
void own_thread_rest(int ms);

/* Works until FD, a signal of libzmq's, is signalled or WAIT_MS have passed, in place of poll: its
 * value. */
int own_thread_await(int fd, int wait_ms);

/* Whether it is libzmq that works. */
bool own_thread_is_inside(void);
/* Then, in place of epoll_wait: goes back to the loop until there is work. WAIT is what libzmq
 * waits for, for MS at most, and SIGNAL the signal in it. *readable: as own_thread_turn was told.
 */
void own_thread_pause(int wait, int signal, int ms, bool *readable);

#endif
