/* libzmq's threads signal each other by eventfds, and it asks poll whether one was signalled after
 * each command that it takes and each receive that finds nothing: at one connection two of five
 * system calls of a message. The calls that are linked with this file, and that libzmq finds first,
 * count what is written to and read from its eventfds, and so answer from memory.
 *
 * Only descriptors that are asked of eventfd as libzmq does are counted, none with EFD_NONBLOCK in
 * the call, as ours (wake.h); all other calls are passed on. One thread at a time reads such a
 * descriptor and asks for it, and none of another process has it.
 *
 * Threading: any thread. */
#ifndef POSTERN_OWN_SIGNALS_H
#define POSTERN_OWN_SIGNALS_H

#include <stdbool.h>

/* Answers from here on, for descriptors that are made from here on. Once a process, before it has a
 * ZeroMQ context. */
void own_signals_keep(void);

/* Whether the descriptor is one of libzmq's signals. */
bool own_signals_counts(int fd);
/* Whether it was signalled. */
bool own_signals_pending(int fd);

/* The calling thread reads FD. Where it does libzmq's work (own_thread.h), what it signals to
 * itself from here on stays in memory, and the descriptor does not become readable by that. */
void own_signals_keep_in(int fd);
/* Another thread is to read it. By the same thread. */
void own_signals_let_out(int fd);
/* Whether something of that is in memory. By the same thread. */
bool own_signals_is_kept(int fd);
/* How many signals were kept so far. By the same thread. */
unsigned own_signals_kept(void);

#endif
