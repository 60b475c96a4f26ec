#include "common/base/uuid.h"

#include "common/base/clock.h"
#include "common/base/hex.h"

#include <sodium.h>
#include <string.h>

enum { RANDOM_BUFFER = 4096 };

/* A system call for each id would cost more than the id. Not for secrets: those come straight from
 * the kernel. */
static void s_random(void *to, size_t len)
{
    static _Thread_local uint8_t buffer[RANDOM_BUFFER];
    static _Thread_local size_t left;
    if (left < len) {
        randombytes_buf(buffer, sizeof buffer);
        left = sizeof buffer;
    }
    memcpy(to, buffer + left - len, len);
    left -= len;
}

void uuid_new(uuid_t7 *id)
{
    s_random(id->bytes, sizeof id->bytes);
    uint64_t ms = (uint64_t)clock_wall_ms();
    for (unsigned i = 0; i < 6; i++)
        id->bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id->bytes[6] = 0x70 | (id->bytes[6] & 0x0f);
    id->bytes[8] = 0x80 | (id->bytes[8] & 0x3f);
}

void uuid_text(const uuid_t7 *id, char text[UUID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    static const unsigned char places[UUID_BYTES] = {0,  2,  4,  6,  9,  11, 14, 16,
                                                     19, 21, 24, 26, 28, 30, 32, 34};
    memset(text, '-', UUID_TEXT - 1);
    for (unsigned i = 0; i < UUID_BYTES; i++) {
        text[places[i]] = digits[id->bytes[i] >> 4];
        text[places[i] + 1] = digits[id->bytes[i] & 0x0f];
    }
    text[UUID_TEXT - 1] = '\0';
}

int uuid_parse(const char *text, size_t len, uuid_t7 *id)
{
    if (len != UUID_TEXT - 1)
        return -1;
    for (unsigned i = 0; i < UUID_BYTES; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
            return -1;
        int high = hex_digit(*text++);
        int low = hex_digit(*text++);
        if (high < 0 || low < 0)
            return -1;
        id->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

bool uuid_is_nil(const uuid_t7 *id)
{
    static const uuid_t7 nil;
    return memcmp(id, &nil, sizeof nil) == 0;
}

bool uuid_eq(const uuid_t7 *a, const uuid_t7 *b)
{
    return memcmp(a->bytes, b->bytes, UUID_BYTES) == 0;
}

uint64_t uuid_instance(void)
{
    uint64_t instance = 0;
    while (instance == 0)
        randombytes_buf(&instance, sizeof instance);
    return instance;
}
