#include "common/base/cursor.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { VERSION = 1, CHECK = 8, HEAD = 1 + CHECK, NUMBER = 8 };

static_assert(CURSOR_TEXT >= sodium_base64_ENCODED_LEN(HEAD + CURSOR_PLACE,
                                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING),
              "the longest place fits");

static void s_check(slice_t list, slice_t place, uint8_t check[CHECK])
{
    uint8_t sum[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof sum);
    crypto_generichash_update(&state, (const uint8_t *)list.data, list.len);
    crypto_generichash_update(&state, (const uint8_t *)"", 1);
    crypto_generichash_update(&state, (const uint8_t *)place.data, place.len);
    crypto_generichash_final(&state, sum, sizeof sum);
    memcpy(check, sum, CHECK);
}

void cursor_write(slice_t list, slice_t place, char text[CURSOR_TEXT])
{
    uint8_t bytes[HEAD + CURSOR_PLACE] = {VERSION};
    assert(place.len > 0 && place.len <= CURSOR_PLACE);
    s_check(list, place, bytes + 1);
    memcpy(bytes + HEAD, place.data, place.len);
    sodium_bin2base64(text, CURSOR_TEXT, bytes, HEAD + place.len,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

size_t cursor_read(slice_t list, slice_t text, uint8_t place[CURSOR_PLACE])
{
    uint8_t bytes[HEAD + CURSOR_PLACE], check[CHECK];
    size_t len;
    if (sodium_base642bin(bytes, sizeof bytes, text.data, text.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len <= HEAD || bytes[0] != VERSION)
        return 0;
    len -= HEAD;
    s_check(list, slice((const char *)bytes + HEAD, len), check);
    if (memcmp(check, bytes + 1, CHECK) != 0)
        return 0;
    memcpy(place, bytes + HEAD, len);
    return len;
}

void cursor_write_number(slice_t list, uint64_t number, char text[CURSOR_TEXT])
{
    uint8_t place[NUMBER];
    for (unsigned i = 0; i < NUMBER; i++)
        place[i] = (uint8_t)(number >> (8 * (NUMBER - 1 - i)));
    cursor_write(list, slice((const char *)place, NUMBER), text);
}

bool cursor_read_number(slice_t list, slice_t text, uint64_t *number)
{
    uint8_t place[CURSOR_PLACE];
    if (cursor_read(list, text, place) != NUMBER)
        return false;
    *number = 0;
    for (unsigned i = 0; i < NUMBER; i++)
        *number = *number << 8 | place[i];
    return true;
}
