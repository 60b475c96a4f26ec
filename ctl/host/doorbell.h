/* The socket by which `posternctl restart` talks to a running `posternctl up`: "up.sock" in the
 * sockets' directory, which only its user may enter. One packet asks (a process, a kind or "all"),
 * packets of JSON answer:
 *
 *   {"process", "pid", "ms"}  this process was restarted and is ready
 *   {"code", "message"}       the end: the restart was refused, or went wrong
 *   {"done": true}            the end: all were restarted
 *
 * Threading: one thread. */
#ifndef POSTERN_CTL_HOST_DOORBELL_H
#define POSTERN_CTL_HOST_DOORBELL_H

#include <jansson.h>
#include <stddef.h>

enum { DOORBELL_PACKET = 1024 };

/* Listens in DIR; replaces the socket that an earlier `up` left there. A descriptor, or -1 with
 * errno. */
int doorbell_hang(const char *dir);

/* Accepts a restart command that waits, and reads into WANTED what it asks for. Its descriptor, to
 * be closed by the caller; -1 when none waits, or it sent nothing. */
int doorbell_answer(int bell, char *wanted, size_t size);

/* Asks WANTED of the `up` that listens in DIR. The descriptor to read from, or -1 with errno. */
int doorbell_ring(const char *dir, const char *wanted);

/* Sends one packet (taken). A receiver that is gone, or does not read, misses the packet. */
void doorbell_say(int fd, json_t *packet);
/* Waits for the next packet, which is the caller's; NULL at the end. */
json_t *doorbell_hear(int fd);

#endif
