#include "authd/manage/first_owner.h"

#include "common/base/ops.h"
#include "common/log/log.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static error_code_t s_make(manage_t *manage, const char *email)
{
    manage_answer_t answer;
    json_t *body = json_pack("{s:s, s:s}", "email", email, "role", "owner");
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text)
        return ERROR_invalid_param; /* not UTF-8 */
    manage_run(manage, OP_user_create, slice("", 0), slice_of(text), &answer);
    error_code_t code = answer.code;
    if (code != ERROR_none)
        log_warn("directory.first_owner", "err=%s", LOG_Q(answer.message));
    manage_clear(&answer);
    free(text);
    return code;
}

void first_owner_make(manage_t *manage, const char *data)
{
    char path[PATH_MAX], email[256] = "";
    snprintf(path, sizeof path, "%s/first-owner", data);
    FILE *in = fopen(path, "r");
    if (!in)
        return;
    if (!fgets(email, sizeof email, in))
        email[0] = '\0';
    fclose(in);
    email[strcspn(email, "\r\n")] = '\0';
    if (!*email) /* carried out, and not removed */
        return;
    error_code_t code = s_make(manage, email);
    if (code == ERROR_none)
        log_info("directory.first_owner", "email=%s", LOG_Q(email));
    /* Where the directory is root's, an empty file has to do. */
    if ((code == ERROR_none || code == ERROR_conflict) && unlink(path) != 0 &&
        truncate(path, 0) != 0)
        log_warn("directory.first_owner", "err=%s", LOG_Q("cannot remove the file"));
}
