/* CURVE keys as files (ZPL certificates of czmq): a public one names the key, its name and the
 * roles that it is for; a secret one holds the secret key too and has mode 0600.
 *
 * The allow list is a directory of public certificates (*.pub). It is read again while the process
 * runs, at most ALLOWED_STALE_MS after a change.
 *
 * Threading: key_* any thread; allowed_open once, before allowed_roles, which is for any thread. */
#ifndef POSTERN_LINK_KEYS_H
#define POSTERN_LINK_KEYS_H

#include "common/wire/wire.h"

enum { /* bytes of texts, with their NUL */
       KEY_TEXT = 41,
       KEY_NAME = 64,
       KEY_ROLES = 96,
       ALLOWED_STALE_MS = 500
};

typedef struct {
    char name[KEY_NAME];   /* [a-z0-9.-] */
    char roles[KEY_ROLES]; /* "gateway", "worker authd", "bot" … */
    char text[KEY_TEXT];   /* the public key in Z85 */
    bool secret;           /* the file holds a secret key as well */
} key_file_t;

/* Roles as a bit set: 1 << wire_role_t for gateway, authd and router; a worker is one bit a kind.
 * 0 for a word that is none. Words are separated by spaces or commas. */
unsigned key_roles(const char *words);
/* The bits of which a key needs one to say this HELLO, and the bits of a set of 1 <<
 * wire_role_t. */
unsigned key_roles_of(const wire_hello_t *hello);
unsigned key_roles_for(unsigned peer_roles);

/* Whether NAME may be a certificate's: [a-z0-9.-], shorter than KEY_NAME, without a dot in front.
 */
bool key_name_is_good(const char *name);
/* Whether two names are of the same process: equal up to the end of their first number (gateway-0,
 * gateway-0.1 of a thread, gateway-0b of a successor). A name without a number is of no process. */
bool key_names_match(slice_t a, slice_t b);

/* Makes DIRECTORY/NAME.secret (0600) and DIRECTORY/NAME.pub. Neither may be there yet. 0, or -1
 * with the reason in err. */
int key_make(const char *directory, const char *name, const char *roles, char *err,
             size_t err_size);

/* Reads a certificate. 0, or -1 with the reason in err; the secret key itself is not kept. */
int key_read(const char *path, key_file_t *key, char *err, size_t err_size);

/* Calls FOUND with the path of each *.pub file of DIRECTORY, in the order of their names; at most
 * KEY_FILES. 0, or -1 with errno when the directory cannot be read. */
enum { KEY_FILES = 4096 };
int key_each(const char *directory, void (*found)(void *arg, const char *path), void *arg);

/* Sets the directory of the allow list and reads its certificates. 0, or -1 with the reason in
 * err. */
int allowed_open(const char *directory, char *err, size_t err_size);
/* The roles of a public key in Z85; 0 when it is not in the list. */
unsigned allowed_roles(const char *text);
/* Whether the holder of this key may have NAME, a peer's. Certificates whose names are of the same
 * process (gateway-0, gateway-0b) keep NAME for their keys; a NAME that no certificate is for is
 * free. */
bool allowed_name(const char *text, slice_t name);

#endif
