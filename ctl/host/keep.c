/* posternctl backup, restore, reshard, migrate, forget, check and salvage. They open stores, which
 * posternctl itself does not link: postern-store, which lies beside it, does the work in this
 * process's place; and postern-database that of posternctl db.
 */
#include "ctl/command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 160, FIXED = 8, TEXT = PATH_MAX + 64 };

static const char DATABASE[] = "postern-database";

typedef struct {
    ctl_t *ctl;
    const char *word[WORDS];
    unsigned len;
    char fixed[FIXED][TEXT];
    unsigned fixed_len;
} line_t;

static void s_add(line_t *self, const char *word)
{
    if (self->len == WORDS - 1)
        abort();
    self->word[self->len++] = word;
}

static void s_override(line_t *self, const char *override)
{
    s_add(self, "-s");
    s_add(self, override);
}

static void s_add_setting(line_t *self, setting_t setting)
{
    char *text = self->fixed[self->fixed_len++];
    const setting_row_t *row = &setting_table[setting];
    const conf_t *conf = ctl_conf(self->ctl);
    if (row->type == SETTING_UINT)
        snprintf(text, TEXT, "%s.%s=%llu", row->section, row->key,
                 (unsigned long long)conf_uint(conf, setting));
    else
        snprintf(text, TEXT, "%s.%s=%s", row->section, row->key, conf_text(conf, setting));
    s_override(self, text);
}

/* What a running up was told about where things lie holds for its backup, too. */
static void s_add_running(line_t *self)
{
    static const setting_t settings[FIXED] = {
        SET_data_directory, SET_data_known,     SET_data_sockets, SET_authd_master_key,
        SET_worker_key,     SET_shards_channel, SET_shards_bot,   SET_shards_extension,
    };
    for (unsigned i = 0; i < FIXED; i++)
        s_add_setting(self, settings[i]);
}

static void s_begin(line_t *self, const char *program)
{
    ctl_conf_plain(self->ctl);
    s_add(self, program);
    s_add(self, "-c");
    s_add(self, ctl_conf_path(self->ctl));
    for (unsigned i = 0; ctl_override(self->ctl, i); i++)
        s_override(self, ctl_override(self->ctl, i));
    if (ctl_json(self->ctl))
        s_add(self, "-j");
}

static int s_exec(line_t *self)
{
    char path[PATH_MAX + 32];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        snprintf(slash, sizeof path - (size_t)(slash - path), "/%s", self->word[0]);
    self->word[self->len] = NULL;
    fflush(stdout);
    execv(path, (char *const *)self->word);
    if (errno == ENOENT && strcmp(self->word[0], DATABASE) == 0)
        ctl_error(self->ctl, "failed", "cannot start %s: the package postern-postgres has it",
                  path);
    else
        ctl_error(self->ctl, "failed", "cannot start %s: %s", path, strerror(errno));
    return CTL_REFUSED;
}

int database_make(ctl_t *ctl, const char *conf, const char *admin)
{
    const char *words[] = {DATABASE, "-c", conf, ctl_json(ctl) ? "-j" : NULL, "init", admin};
    line_t line = {.ctl = ctl};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i])
            s_add(&line, words[i]);
    return s_exec(&line);
}

int database_run(ctl_t *ctl)
{
    line_t line = {.ctl = ctl};
    s_begin(&line, DATABASE);
    s_add(&line, strchr(ctl_command(ctl)->name, ' ') + 1);
    for (unsigned i = 0; ctl_argument(ctl, i); i++)
        s_add(&line, ctl_argument(ctl, i));
    if (ctl_option(ctl, "--cluster"))
        s_add(&line, ctl_option(ctl, "--cluster"));
    if (ctl_option(ctl, "--lost"))
        s_add(&line, ctl_option(ctl, "--lost"));
    if (ctl_option(ctl, "--lost") && ctl_option(ctl, "--lose-messages"))
        s_add(&line, "lose-messages");
    return s_exec(&line);
}

static int s_run(ctl_t *ctl, bool running)
{
    line_t line = {.ctl = ctl};
    s_begin(&line, "postern-store");
    if (running)
        s_add_running(&line);
    if (ctl_option(ctl, "--with-key"))
        s_add(&line, "-k");
    if (ctl_option(ctl, "--replace"))
        s_add(&line, "-r");
    s_add(&line, ctl_command(ctl)->name);
    for (unsigned i = 0; ctl_argument(ctl, i); i++)
        s_add(&line, ctl_argument(ctl, i));
    return s_exec(&line);
}

int keep_run(ctl_t *ctl)
{
    return s_run(ctl, true);
}

int restore_run(ctl_t *ctl)
{
    return s_run(ctl, false);
}

int reshard_run(ctl_t *ctl)
{
    ctl_parse_number("a shard count", ctl_argument(ctl, 1), 1, 256);
    return s_run(ctl, false);
}
