#include "ctl/credential.h"

#include "common/base/secret.h"
#include "common/base/utf8.h"
#include "ctl/kept.h"
#include "ctl/prompt.h"

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
    if (rc == 0) {
        slice_t unmarked = utf8_unmarked(slice(text, *len));
        memmove(text, unmarked.data, unmarked.len + 1);
        *len = unmarked.len;
        return text;
    }
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

static char *s_variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? strdup(value) : NULL;
}

char *credential_management(ctl_t *ctl, const char *url)
{
    char *found = NULL;
    bool file = ctl_option(ctl, "--session-file");
    if (ctl_option(ctl, "--token-file"))
        return credential_token(ctl);
    if (!file)
        found = s_variable("POSTERN_TOKEN");
    if (!file && !found)
        found = s_variable("POSTERN_SESSION");
    if (found) {
        found[strcspn(found, " \t\r\n")] = '\0';
        return found;
    }
    if (kept_read(ctl, url, &found) == KEPT_NONE)
        ctl_error(ctl, "no_token",
                  "no token and no session for %s: log in with posternctl --url %s login EMAIL "
                  "--save; or put a management token into $POSTERN_TOKEN, or name its file with "
                  "--token-file (- for stdin)",
                  url, url);
    return found;
}

char *credential_session(ctl_t *ctl, const char *url, bool *refused)
{
    bool file = ctl_option(ctl, "--session-file");
    char *found = file ? NULL : s_variable("POSTERN_SESSION");
    *refused = false;
    if (!found && url)
        *refused = kept_read(ctl, url, &found) == KEPT_REFUSED;
    return found || *refused ? found : prompt_secret("Session");
}

char *credential_token(ctl_t *ctl)
{
    const char *file = ctl_option(ctl, "--token-file");
    size_t len;
    char *token = file ? credential_read_file(file, 4096, &len) : s_variable("POSTERN_TOKEN");
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
              "management token create");
    return NULL;
}
