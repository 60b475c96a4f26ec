/* posternctl token check: tokens of this installation in files or standard input. The text stays
 * here: authd gets the hashes of what has a token's form. */
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "ctl/command.h"
#include "ctl/manage/scan.h"
#include "ctl/table.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { HASH_TEXT = 2 * TOKEN_HASH + 1, CALL_HASHES = 500, FOUND_MOST = 100000 };

typedef struct {
    ctl_t *ctl;
    const char *file;
    json_t *found; /* of {"file", "line", "hash"} */
} check_t;

static void s_found(void *arg, uint64_t line, const char *token)
{
    check_t *self = arg;
    uint8_t hash[TOKEN_HASH];
    char text[HASH_TEXT];
    token_hash(token, TOKEN_LEN, hash);
    sodium_bin2hex(text, sizeof text, hash, TOKEN_HASH);
    if (json_array_size(self->found) < FOUND_MOST)
        json_array_append_new(self->found,
                              json_pack("{s:o, s:I, s:s}", "file", table_string(self->file), "line",
                                        (json_int_t)line, "hash", text));
}

static int s_read(check_t *self, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "r");
    int rc = in ? 0 : -1;
    self->file = is_stdin ? "stdin" : path;
    if (in)
        rc = scan_stream(in, s_found, self);
    if (rc != 0)
        ctl_error(self->ctl, "failed", "cannot read %s: %s", self->file, strerror(errno));
    if (in && !is_stdin)
        fclose(in);
    return rc;
}

/* What authd knows of the hashes, by hash; NULL after the error was shown. */
static json_t *s_ask(check_t *self)
{
    json_t *known = json_object(), *hashes = json_array(), *row, *item;
    size_t i, j;
    json_array_foreach (self->found, i, row) {
        json_array_append(hashes, json_object_get(row, "hash"));
        if (json_array_size(hashes) < CALL_HASHES && i + 1 < json_array_size(self->found))
            continue;
        json_t *reply =
            ctl_call(self->ctl, OP_token_check, "", json_pack("{s:o}", "hashes", hashes));
        if (!reply) {
            json_decref(known);
            return NULL;
        }
        hashes = json_array();
        json_array_foreach (json_object_get(reply, "tokens"), j, item)
            json_object_set(known, json_string_value(json_object_get(item, "hash")), item);
        json_decref(reply);
    }
    json_decref(hashes);
    return known;
}

/* A row of the answer for each place where a known token stands. */
static json_t *s_rows(const check_t *self, const json_t *known)
{
    json_t *rows = json_array(), *found, *copy;
    size_t i;
    json_array_foreach (self->found, i, found) {
        json_t *token = json_object_get(known, json_string_value(json_object_get(found, "hash")));
        if (!token)
            continue;
        copy = json_copy(token);
        json_object_del(copy, "hash");
        json_object_set(copy, "file", json_object_get(found, "file"));
        json_object_set(copy, "line", json_object_get(found, "line"));
        json_t *user = json_object_get(token, "user");
        bool person = json_is_string(json_object_get(user, "email"));
        json_object_set(copy, "user", json_object_get(user, person ? "email" : "account"));
        json_array_append_new(rows, copy);
    }
    return rows;
}

static int s_show(const check_t *self, json_t *rows)
{
    size_t count = json_array_size(rows), strange = json_array_size(self->found) - count;
    if (ctl_json(self->ctl)) {
        json_t *all = json_pack("{s:O, s:I}", "tokens", rows, "unknown", (json_int_t)strange);
        table_json(all);
        json_decref(all);
    } else {
        if (count)
            table_rows(rows, "file line last4 name state user id last_used last_address");
        if (strange)
            printf("%zu more with a token's form, which this installation does not know.\n",
                   strange);
        puts(count ? "Delete or replace these: posternctl token replace ID --overlap 0"
                   : "No token of this installation.");
    }
    return count ? CTL_REFUSED : CTL_OK;
}

int token_check_run(ctl_t *ctl)
{
    check_t self = {.ctl = ctl, .found = json_array()};
    int status = CTL_OK;
    const char *path = ctl_argument(ctl, 0);
    for (unsigned i = 1; status == CTL_OK && (path || i == 1); path = ctl_argument(ctl, i++))
        status = s_read(&self, path ? path : "-") == 0 ? CTL_OK : CTL_REFUSED;
    json_t *known = status == CTL_OK ? s_ask(&self) : NULL;
    status = CTL_REFUSED;
    if (known) {
        json_t *rows = s_rows(&self, known);
        status = s_show(&self, rows);
        json_decref(rows);
    }
    json_decref(known);
    json_decref(self.found);
    return status;
}
