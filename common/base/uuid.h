/* UUIDv7 (RFC 9562 §5.7): request ids and the directory's ids. Threading: any thread. */
#ifndef POSTERN_UUID_H
#define POSTERN_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UUID_BYTES = 16, UUID_TEXT = 37 };

typedef struct {
    uint8_t bytes[UUID_BYTES];
} uuid_t7;

/* A new one: the wall clock's milliseconds, then 74 random bits (per-thread buffered CSPRNG output;
 * ids of one thread made within a millisecond need not be ordered). */
void uuid_new(uuid_t7 *id);

/* Lower-case text of 36 characters and a NUL. */
void uuid_text(const uuid_t7 *id, char text[UUID_TEXT]);

/* Reads 36 characters, either case, any version. 0, or -1 when TEXT is no UUID. */
int uuid_parse(const char *text, size_t len, uuid_t7 *id);

bool uuid_is_nil(const uuid_t7 *id);
bool uuid_eq(const uuid_t7 *a, const uuid_t7 *b);

/* 64 random bits that are never 0: an instance (docs/PROTOCOL.md). */
uint64_t uuid_instance(void);

#endif
