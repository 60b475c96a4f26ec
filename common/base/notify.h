/* What systemd is told of a service with Type=notify (sd_notify(3)): one datagram a state to the
 * socket that NOTIFY_SOCKET names. Without that variable nothing happens.
 *
 * The protocol is stable and needs few lines, so no daemon links libsystemd and its libraries.
 * Threading: notify_open before any thread; the rest by the main thread. */
#ifndef POSTERN_NOTIFY_H
#define POSTERN_NOTIFY_H

#include <stdint.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment. */
void notify_open(void);

/* READY=1 and STOPPING=1. */
void notify_ready(void);
void notify_stopping(void);

/* WATCHDOG=1, when half of the time is over within which systemd wants to hear of the process.
 * now_ms: clock_ms (). */
void notify_alive(int64_t now_ms);

#endif
