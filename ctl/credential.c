#include "ctl/credential.h"

#include "common/base/secret.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *credential_read_file(const char *path, size_t max, size_t *len)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!in)
        return NULL;
    char *text = malloc(max + 2);
    assert(text);
    setvbuf(in, NULL, _IONBF, 0); /* no second copy of what may be secret */
    *len = fread(text, 1, max + 1, in);
    int rc = ferror(in) ? EIO : *len > max ? EFBIG : 0;
    if (in != stdin)
        fclose(in);
    text[*len] = '\0';
    if (rc == 0)
        return text;
    secret_wipe(text, *len);
    free(text);
    errno = rc;
    return NULL;
}

void credential_free(char **secret_p)
{
    if (*secret_p)
        secret_wipe(*secret_p, strlen(*secret_p));
    free(*secret_p);
    *secret_p = NULL;
}

char *credential_token(ctl_t *ctl)
{
    const char *file = ctl_option(ctl, "--token-file"), *variable = getenv("POSTERN_TOKEN");
    char *token = NULL;
    size_t len;
    if (file)
        token = credential_read_file(file, 4096, &len);
    else if (variable)
        token = strdup(variable);
    if (file && !token) {
        ctl_error(ctl, "failed", "cannot read %s: %s", file, strerror(errno));
        return NULL;
    }
    if (token)
        token[strcspn(token, " \t\r\n")] = '\0';
    if (token && *token)
        return token;
    credential_free(&token);
    ctl_error(ctl, "no_token",
              "no token: put it into $POSTERN_TOKEN, or name a file with --token-file (- for "
              "stdin). Make one with posternctl token create, or for management with posternctl "
              "management "
              "token create");
    return NULL;
}
