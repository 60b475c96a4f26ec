#include "ctl/prompt.h"

#include "common/base/secret.h"
#include "ctl/credential.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MOST = 1024 };

/* Byte by byte: what follows the line stays for the next question. */
static char *s_line(void)
{
    char text[LINE_MOST + 1], c = '\0';
    size_t len = 0;
    ssize_t got;
    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n' && len < LINE_MOST)
        text[len++] = c;
    bool whole = got == 1 ? c == '\n' : len > 0;
    if (len > 0 && text[len - 1] == '\r')
        len--;
    char *line = whole ? strndup(text, len) : NULL;
    assert(!whole || line);
    secret_wipe(text, sizeof text);
    return line;
}

char *prompt_secret(const char *question)
{
    struct termios before, silent;
    if (!isatty(STDIN_FILENO))
        return s_line();
    fprintf(stderr, "%s: ", question);
    bool hidden = tcgetattr(STDIN_FILENO, &before) == 0;
    if (hidden) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    char *line = s_line();
    if (hidden)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return line;
}

char *prompt_new_secret(const char *question)
{
    for (;;) {
        char *line = prompt_secret(question);
        if (!line || !isatty(STDIN_FILENO))
            return line;
        char *again = prompt_secret("Once more");
        bool same = again && strcmp(line, again) == 0;
        bool ended = !again;
        credential_free(&again);
        if (same)
            return line;
        credential_free(&line);
        if (ended)
            return NULL;
        fputs("They differ.\n", stderr);
    }
}
