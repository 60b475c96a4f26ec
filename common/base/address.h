/* Internet addresses and networks (CIDR), read and written. Addresses are kept as IPv6, IPv4 ones
 * mapped (::ffff:a.b.c.d). No name is ever resolved.
 *
 * Threading: any thread. */
#ifndef POSTERN_ADDRESS_H
#define POSTERN_ADDRESS_H

#include "common/base/slice.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_TEXT = 46, NETWORK_TEXT = ADDRESS_TEXT + 4 };

typedef struct {
    uint8_t bytes[16];
} address_t;

/* The addresses whose first bits are those of base; an IPv4 network's bits count from the mapped
 * form, 96 more than are written. */
typedef struct {
    address_t base;
    uint8_t bits;
} network_t;

/* From a socket's name; false for another family than IPv4 and IPv6. */
bool address_of(const struct sockaddr *name, address_t *address);

/* Reads "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:443". */
bool address_parse(slice_t text, address_t *address);

/* The socket address of TEXT, "192.0.2.1:443" or "[2001:db8::1]:443". FLAGS: of getaddrinfo,
 * AI_PASSIVE to listen there. 0 with *found, which is the caller's to free by freeaddrinfo; else
 * what gai_strerror explains. */
int address_find(const char *text, int flags, struct addrinfo **found);

bool address_eq(const address_t *a, const address_t *b);

/* Writes an address, an IPv4 one in dotted form; returns the length. */
size_t address_text(const address_t *address, char text[ADDRESS_TEXT]);

/* What one sender has, for counts of senders: an IPv4 address as it is, of an IPv6 one the /64
 * network. */
address_t address_sender(const address_t *address);

/* Reads "10.0.0.0/8", "2001:db8::/32", or an address, which is a network of one. */
bool network_parse(slice_t text, network_t *network);
bool network_has(const network_t *network, const address_t *address);

/* A list of networks, read-only once it is made. */
typedef struct {
    network_t *network;
    size_t len;
} networks_t;

/* TEXT: networks with spaces or commas between them, "10.0.0.0/8 2001:db8::/32 192.0.2.1". NULL
 * with the reason in err. */
networks_t *networks_new(const char *text, char *err, size_t err_size);
void networks_destroy(networks_t **self_p);
bool networks_has(const networks_t *self, const address_t *address);

/* Writes a network with the length of its prefix, as "10.0.0.0/8"; returns the text's length. */
size_t network_text(const network_t *network, char text[NETWORK_TEXT]);

#endif
