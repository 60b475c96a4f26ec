#include "ctl/credential.h"

#include "common/base/secret.h"
#include "common/base/utf8.h"
#include "ctl/command.h"
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

/* The first word of the variable, the caller's; NULL: there is none. */
static char *s_variable(const char *name)
{
    static const char blanks[] = " \t\r\n";
    const char *value = getenv(name);
    if (!value)
        return NULL;
    value += strspn(value, blanks);
    return *value ? strndup(value, strcspn(value, blanks)) : NULL;
}

/* What a credential's beginning says that it is; webhook tokens that were made elsewhere have
 * none. */
static const struct {
    const char *prefix, *what;
    bool manages; /* the admin API takes it */
} s_kinds[] = {
    {"pst_", "a webhook token (pst_…)", false},
    {"psm_", "a management token (psm_…)", true},
    {"pss_", "a session (pss_…)", true},
    {"psi_", "an invitation (psi_…)", false},
};
enum { KINDS = sizeof s_kinds / sizeof *s_kinds };

static unsigned s_kind(const char *text)
{
    unsigned kind = 0;
    while (kind < KINDS && strncmp(text, s_kinds[kind].prefix, strlen(s_kinds[kind].prefix)) != 0)
        kind++;
    return kind;
}

static bool s_manages(const char *text)
{
    unsigned kind = s_kind(text);
    return kind < KINDS && s_kinds[kind].manages;
}

/* SECRET, which FROM holds, where it is of the kind that is wanted: for the admin API, or for a
 * webhook. Takes it otherwise: NULL, with the error shown. */
static char *s_of_kind(ctl_t *ctl, char *secret, const char *from, bool manages)
{
    unsigned kind = s_kind(secret);
    if (manages ? s_manages(secret) : kind == KINDS || kind == 0)
        return secret;
    ctl_error(ctl, "wrong_token", "%s holds %s. Wanted here is %s", from,
              kind < KINDS ? s_kinds[kind].what : "no management token (psm_…)",
              manages ? "a management token: make one with posternctl management token create, or "
                        "log in with posternctl login EMAIL --save"
                      : "a webhook token: make one with posternctl token create");
    credential_free(&secret);
    return NULL;
}

/* The first word of FILE (- for stdin); NULL after the error was shown. */
static char *s_of_file(ctl_t *ctl, const char *file, bool manages)
{
    size_t len;
    bool by_stdin = strcmp(file, "-") == 0;
    char *token = credential_read_file(file, 4096, &len);
    if (token)
        token[strcspn(token, " \t\r\n")] = '\0';
    if (token && *token)
        return s_of_kind(ctl, token, by_stdin ? "stdin" : file, manages);
    if (token)
        ctl_error(ctl, "no_token", "there is no token in %s", by_stdin ? "stdin" : file);
    else
        ctl_error(ctl, "failed", "cannot read %s: %s", file, strerror(errno));
    credential_free(&token);
    return NULL;
}

/* What $POSTERN_TOKEN holds, where that is for the admin API. */
static char *s_former_variable(void)
{
    char *found = s_variable("POSTERN_TOKEN");
    if (!found || !s_manages(found)) {
        credential_free(&found);
        return NULL;
    }
    ctl_warn("$POSTERN_TOKEN is for a webhook token. What the admin API takes belongs into "
             "$POSTERN_MANAGEMENT_TOKEN; until version " COMMAND_FORMERS_END
             " $POSTERN_TOKEN is taken for it");
    return found;
}

/* What the environment has for the admin API; *FROM: the variable. */
static char *s_of_environment(const char **from)
{
    char *found = s_variable(*from = "POSTERN_MANAGEMENT_TOKEN");
    if (!found) {
        *from = "POSTERN_TOKEN";
        found = s_former_variable();
    }
    return found ? found : s_variable(*from = "POSTERN_SESSION");
}

static char *s_of_login(ctl_t *ctl, const char *url)
{
    char *found = NULL;
    if (kept_read(ctl, url, &found) != KEPT_NONE)
        return found;
    char *other = s_variable("POSTERN_TOKEN");
    ctl_error(ctl, "no_token",
              "no management token and no session for %s: log in with posternctl --management-url "
              "%s login EMAIL --save; or put a management token into $POSTERN_MANAGEMENT_TOKEN, or "
              "name its file with --management-token-file (- for stdin)%s",
              url, url,
              other ? ". $POSTERN_TOKEN holds a webhook token, which opens nothing here" : "");
    credential_free(&other);
    return NULL;
}

char *credential_management(ctl_t *ctl, const char *url)
{
    const char *file = ctl_option(ctl, "--management-token-file"), *variable;
    if (file)
        return s_of_file(ctl, file, true);
    char *found = ctl_option(ctl, "--session-file") ? NULL : s_of_environment(&variable);
    if (!found)
        return s_of_login(ctl, url);
    char from[64];
    snprintf(from, sizeof from, "$%s", variable);
    return s_of_kind(ctl, found, from, true);
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
    if (file)
        return s_of_file(ctl, file, false);
    char *token = s_variable("POSTERN_TOKEN");
    if (token)
        return s_of_kind(ctl, token, "$POSTERN_TOKEN", false);
    ctl_error(ctl, "no_token",
              "no webhook token: put it into $POSTERN_TOKEN, or name a file with --token-file (- "
              "for stdin). Make one with posternctl token create");
    return NULL;
}
