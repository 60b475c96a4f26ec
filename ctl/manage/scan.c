#include "ctl/manage/scan.h"

#include "common/base/secret.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* KEPT: what may be the beginning of a token at the end of a piece: one character before it, too.
 */
enum { PIECE = 1 << 16, KEPT = TOKEN_LEN + 1 };

typedef struct {
    char text[KEPT + PIECE];
    size_t len;
    size_t seen;   /* this many characters at the start are not to be looked at again: 0 or 1 */
    uint64_t line; /* of text[0] */
    scan_found_fn *found;
    void *arg;
} scan_t;

static bool s_is_base62(char c)
{
    return isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

static bool s_is_token(const scan_t *self, size_t at)
{
    if (at > 0 && s_is_base62(self->text[at - 1]))
        return false;
    if (at + TOKEN_LEN < self->len && s_is_base62(self->text[at + TOKEN_LEN]))
        return false;
    return token_shape(self->text + at, TOKEN_LEN) == TOKEN_OURS;
}

static uint64_t s_lines(const char *text, size_t len)
{
    uint64_t lines = 0;
    for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text))); at++)
        lines++;
    return lines;
}

/* Looks at every token that is whole, with the character behind it unless the text ENDS here; keeps
 * the rest for the next piece. */
static void s_look(scan_t *self, bool ends)
{
    size_t whole = self->len >= KEPT ? self->len - KEPT + 1 : 0, from = self->seen;
    if (ends)
        whole = self->len >= TOKEN_LEN ? self->len - TOKEN_LEN + 1 : 0;
    for (const char *hit; from < whole; from = (size_t)(hit - self->text) + 1) {
        hit = memmem(self->text + from, self->len - from, "pst_", 4);
        if (!hit || (size_t)(hit - self->text) >= whole)
            break;
        size_t at = (size_t)(hit - self->text);
        if (s_is_token(self, at))
            self->found(self->arg, self->line + s_lines(self->text, at), hit);
    }
    /* A token that begins at WHOLE is looked at next, with the character before it. */
    size_t gone = whole > 0 ? whole - 1 : 0;
    self->line += s_lines(self->text, gone);
    memmove(self->text, self->text + gone, self->len - gone);
    self->len -= gone;
    self->seen = whole > 0 ? 1 : self->seen;
}

int scan_stream(FILE *in, scan_found_fn *found, void *arg)
{
    scan_t self = {.line = 1, .found = found, .arg = arg};
    size_t len;
    setvbuf(in, NULL, _IONBF, 0); /* no second copy of what may be secret */
    while ((len = fread(self.text + self.len, 1, PIECE, in)) > 0) {
        self.len += len;
        s_look(&self, false);
    }
    s_look(&self, true);
    secret_wipe(self.text, sizeof self.text);
    return ferror(in) ? -1 : 0;
}
