#include "ctl/ctl.h"

#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/life/path.h"
#include "common/life/trust.h"
#include "ctl/command.h"
#include "ctl/control.h"
#include "ctl/credential.h"
#include "ctl/notice.h"
#include "ctl/remote.h"
#include "ctl/said_here.h"
#include "ctl/table.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CTL_ARGUMENTS = 16, CTL_VALUES = 32, CTL_OVERRIDES = 64 };

struct ctl {
    const command_t *command;
    const char *arguments[CTL_ARGUMENTS];
    unsigned arguments_len;
    struct {
        const char *name, *value;
    } values[CTL_VALUES]; /* options as given */
    unsigned values_len;
    char *overrides[CTL_OVERRIDES]; /* section.key=value, of -s and ctl_set */
    unsigned overrides_len;
    bool json, help;
    const char *conf_option; /* -c */
    char conf_path[PATH_MAX];
    conf_t *conf;
    bool looked;                  /* for the notice of a running up */
    bool up;                      /* and found it */
    char *noticed[CTL_OVERRIDES]; /* the overrides it names */
    unsigned noticed_len;
    unsigned gateways; /* as it says */
    char hosts[16];    /* likewise; empty: it says nothing */
    control_t *control;
    bool warned;      /* of a variable's former name */
    char *credential; /* for management over HTTP; NULL: not read yet */
};

ctl_t *ctl_new(void)
{
    ctl_t *self = calloc(1, sizeof *self);
    assert(self);
    self->gateways = 1;
    return self;
}

void ctl_destroy(ctl_t **self_p)
{
    ctl_t *self = *self_p;
    if (!self)
        return;
    control_destroy(&self->control);
    credential_free(&self->credential);
    conf_destroy(&self->conf);
    for (unsigned i = 0; i < self->overrides_len; i++)
        free(self->overrides[i]);
    for (unsigned i = 0; i < self->noticed_len; i++)
        free(self->noticed[i]);
    free(self);
    *self_p = NULL;
}

void ctl_warn(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fputs("posternctl: warning: ", stderr);
    table_text(stderr, text);
    fputc('\n', stderr);
}

static int s_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int s_usage(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fputs("posternctl: ", stderr);
    table_text(stderr, text);
    fputc('\n', stderr);
    return CTL_USAGE;
}

static char *s_copy(const char *text)
{
    char *copy = strdup(text);
    assert(copy);
    return copy;
}

static void s_remember(ctl_t *self, const char *override)
{
    if (!strchr(override, '='))
        exit(s_usage("-s takes section.key=value, not '%s'", override));
    if (self->overrides_len == CTL_OVERRIDES)
        exit(s_usage("at most %d settings can be overridden", CTL_OVERRIDES));
    self->overrides[self->overrides_len++] = s_copy(override);
}

static int s_take_value(ctl_t *self, const char *name, const char *value)
{
    if (strcmp(name, "-c") == 0)
        self->conf_option = value;
    else if (strcmp(name, "-s") == 0)
        s_remember(self, value);
    else if (strcmp(name, "--json") == 0)
        self->json = true;
    else if (strcmp(name, "--help") == 0)
        self->help = true;
    else if (self->values_len == CTL_VALUES)
        return s_usage("there are too many options");
    else {
        self->values[self->values_len].name = name;
        self->values[self->values_len++].value = value;
    }
    return 0;
}

/* PATH: the words that were understood. */
static int s_unknown_option(const command_t *command, const char *path, const char *name)
{
    const char *near = command ? command_nearest_option(command, name) : NULL;
    const char *word =
        command || !*path ? NULL : command_nearest_word(path, name + strspn(name, "-"));
    if (near)
        return s_usage("there is no option %s here. Did you mean %s?", name, near);
    if (word)
        return s_usage("there is no option %s here. Did you mean '%s %s'?", name, path, word);
    return s_usage("there is no option %s here. See posternctl %s%s--help", name, path,
                   *path ? " " : "");
}

/* Takes the option at argv[*i], and its value: the rest behind "=", or the next word. */
static int s_take_option(ctl_t *self, const char *path, int argc, char **argv, int *i)
{
    char name[64];
    const char *word = strcmp(argv[*i], "-h") == 0   ? "--help"
                       : strcmp(argv[*i], "-H") == 0 ? "--header"
                                                     : argv[*i];
    const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    int len = equals ? (int)(equals - word) : (int)strlen(word);
    snprintf(name, sizeof name, "%.*s", len, word);
    const option_t *option = command_option(self->command, name);
    if (!option)
        return s_unknown_option(self->command, path, name);
    const char *value = equals ? equals + 1 : "";
    if (!option->value && equals)
        return s_usage("%s takes no value", name);
    if (option->value && !equals) {
        if (++*i >= argc)
            return s_usage("%s needs a value: %s", name, option->value);
        value = argv[*i];
    }
    return s_take_value(self, option->name, value);
}

/* Adds a word to the path of the command until the command is found. */
static int s_take_word(ctl_t *self, char *path, size_t size, const char *word)
{
    size_t len = strlen(path);
    const char *space = len ? " " : "";
    int added = snprintf(path + len, size - len, "%s%s", space, word);
    if (added > 0 && (size_t)added < size - len) {
        self->command = command_find(path);
        if (self->command || command_is_group(path))
            return 0;
    }
    path[len] = '\0';
    const char *near = command_nearest_word(path, word);
    if (near)
        return s_usage("there is no command '%s%s%s'. Did you mean '%s%s%s'?", path, space, word,
                       path, space, near);
    return s_usage("there is no command '%s%s%s'. See posternctl %s%s--help", path, space, word,
                   path, space);
}

static int s_take_argument(ctl_t *self, const char *word)
{
    if (self->arguments_len == self->command->max)
        return s_usage("%s takes %s%s: '%s' is too much", self->command->name,
                       *self->command->arguments ? "only " : "no argument",
                       self->command->arguments, word);
    self->arguments[self->arguments_len++] = word;
    return 0;
}

/* Gives what was given by a former name its present one. */
static void s_settle_names(ctl_t *self)
{
    for (unsigned i = 0; i < self->values_len; i++) {
        const char *name = self->values[i].name;
        const command_former_t *former = command_former(self->command, name);
        if (!former)
            continue;
        ctl_warn("%s %s. What is meant here is %s; until version " COMMAND_FORMERS_END
                 " %s is taken for it",
                 name, former->meaning, former->name, name);
        self->values[i].name = former->name;
    }
}

static int s_check(ctl_t *self, const char *path)
{
    if (!self->command) {
        command_group_help(path, self->help ? stdout : stderr);
        return self->help ? CTL_OK : CTL_USAGE;
    }
    if (self->help) {
        command_help(self->command, stdout);
        return CTL_OK;
    }
    if (self->arguments_len < self->command->min)
        return s_usage("%s needs %s. See posternctl %s --help", self->command->name,
                       self->command->arguments, self->command->name);
    s_settle_names(self);
    return -1;
}

int ctl_parse(ctl_t *self, int argc, char **argv)
{
    char path[128] = "";
    bool plain = false; /* behind "--" nothing is an option */
    for (int i = 1; i < argc; i++) {
        int rc;
        if (!plain && strcmp(argv[i], "--") == 0) {
            plain = true;
            continue;
        }
        if (!plain && (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0)) {
            puts("posternctl " POSTERN_VERSION);
            return CTL_OK;
        }
        if (!plain && argv[i][0] == '-' && argv[i][1])
            rc = s_take_option(self, path, argc, argv, &i);
        else if (!self->command)
            rc = s_take_word(self, path, sizeof path, argv[i]);
        else
            rc = s_take_argument(self, argv[i]);
        if (rc != 0)
            return rc;
    }
    return s_check(self, path);
}

int ctl_run(ctl_t *self)
{
    return self->command->run(self);
}

const command_t *ctl_command(const ctl_t *self)
{
    return self->command;
}

const char *ctl_argument(const ctl_t *self, unsigned i)
{
    return i < self->arguments_len ? self->arguments[i] : NULL;
}

const char *ctl_option(const ctl_t *self, const char *name)
{
    for (unsigned i = self->values_len; i > 0; i--)
        if (strcmp(self->values[i - 1].name, name) == 0)
            return self->values[i - 1].value;
    return NULL;
}

const char *ctl_option_at(const ctl_t *self, const char *name, unsigned number)
{
    for (unsigned i = 0; i < self->values_len; i++)
        if (strcmp(self->values[i].name, name) == 0 && number-- == 0)
            return self->values[i].value;
    return NULL;
}

bool ctl_json(const ctl_t *self)
{
    return self->json;
}

uint64_t ctl_parse_number(const char *what, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || *text < '0' || *text > '9' || value < min || value > max)
        exit(s_usage("%s is a number from %llu to %llu, not '%s'", what, (unsigned long long)min,
                     (unsigned long long)max, text));
    return value;
}

uint64_t ctl_number(const ctl_t *self, const char *option, uint64_t fallback, uint64_t min,
                    uint64_t max)
{
    const char *text = ctl_option(self, option);
    return text ? ctl_parse_number(option, text, min, max) : fallback;
}

uint64_t ctl_parse_seconds(const char *what, const char *text, uint64_t max)
{
    static const char units[] = "smhd";
    static const unsigned seconds[] = {1, 60, 3600, 86400};
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (errno || *text < '0' || *text > '9' || (value && (!unit || end[1])) ||
        (value && value > max / seconds[unit - units]))
        exit(s_usage("%s is a time such as 90s, 15m, 24h or 30d, at most %llud, or 0, not '%s'",
                     what, (unsigned long long)max / 86400, text));
    return value ? value * seconds[unit - units] : 0;
}

/* Loads the file with the overrides: those of a running up first, so that our own go before them.
 */
static void s_reload(ctl_t *self)
{
    char *all[2 * CTL_OVERRIDES + 1] = {NULL}, err[8192];
    unsigned n = 0;
    for (unsigned i = 0; i < self->noticed_len; i++)
        all[n++] = self->noticed[i];
    for (unsigned i = 0; i < self->overrides_len; i++)
        all[n++] = self->overrides[i];
    conf_destroy(&self->conf);
    self->conf = conf_load_with(self->conf_path, all, err, sizeof err);
    if (!self->conf) {
        ctl_error(self, "configuration", "%s", err);
        exit(CTL_CONFIG);
    }
}

static void s_load(ctl_t *self)
{
    const char *path = self->conf_option ? self->conf_option : conf_default_file();
    if (!path) {
        ctl_error(self, "configuration",
                  "there is no configuration: looked for " CONF_PLACES ". Make one with posternctl "
                  "init, or name it with -c FILE");
        exit(CTL_CONFIG);
    }
    if (!realpath(path, self->conf_path)) {
        ctl_error(self, "configuration",
                  "cannot read %s: %s. Make one with posternctl init, or name it with -c FILE",
                  path, strerror(errno));
        exit(CTL_CONFIG);
    }
    s_reload(self);
}

const conf_t *ctl_conf_plain(ctl_t *self)
{
    if (!self->conf)
        s_load(self);
    return self->conf;
}

/* What a running up was told on its command line holds for us too. */
const conf_t *ctl_conf(ctl_t *self)
{
    if (self->conf && self->looked)
        return self->conf;
    self->looked = true;
    char err[PATH_ERROR];
    const char *sockets = conf_text(ctl_conf_plain(self), SET_data_sockets);
    /* A stranger's notice would lead us elsewhere; what needs the sockets says what is wrong. */
    json_t *notice =
        trust_check(self->conf, sockets, err, sizeof err) == 0 ? notice_read(sockets) : NULL;
    if (!notice)
        return self->conf;
    self->up = true;
    self->gateways = (unsigned)json_integer_value(json_object_get(notice, "gateways"));
    const char *hosts = json_string_value(json_object_get(notice, "hosts"));
    snprintf(self->hosts, sizeof self->hosts, "%s", hosts ? hosts : "");
    size_t i;
    json_t *override;
    json_array_foreach (json_object_get(notice, "set"), i, override)
        if (json_is_string(override) && self->noticed_len < CTL_OVERRIDES)
            self->noticed[self->noticed_len++] = s_copy(json_string_value(override));
    json_decref(notice);
    s_reload(self);
    return self->conf;
}

const char *ctl_conf_path(const ctl_t *self)
{
    assert(self->conf);
    return self->conf_path;
}

void ctl_set(ctl_t *self, const char *name, const char *value)
{
    char override[1024];
    ctl_conf_plain(self);
    snprintf(override, sizeof override, "%s=%s", name, value);
    s_remember(self, override);
    s_reload(self);
}

const char *ctl_override(const ctl_t *self, unsigned i)
{
    return i < self->overrides_len ? self->overrides[i] : NULL;
}

unsigned ctl_gateways(const ctl_t *self)
{
    return self->gateways;
}

const char *ctl_hosts(const ctl_t *self)
{
    return *self->hosts ? self->hosts : NULL;
}

void ctl_error(const ctl_t *self, const char *code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fputs("posternctl: ", stderr);
    table_text(stderr, text);
    fputc('\n', stderr);
    if (!self->json)
        return;
    json_t *error = json_pack("{s:s, s:o}", "code", code, "message", table_string(text));
    table_json(error);
    json_decref(error);
}

static const char *s_variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *ctl_admin_url(ctl_t *self)
{
    const char *url = ctl_option(self, "--management-url");
    if (!url)
        url = s_variable("POSTERN_MANAGEMENT_URL");
    if (url || !(url = s_variable("POSTERN_URL")))
        return url && *url ? url : NULL;
    if (!self->warned)
        ctl_warn("$POSTERN_URL is called $POSTERN_MANAGEMENT_URL; it is taken until "
                 "version " COMMAND_FORMERS_END);
    self->warned = true;
    return url;
}

/* Over HTTP; what is for everybody goes without a credential. */
static json_t *s_remote(ctl_t *self, const char *url, unsigned op, const char *target,
                        const json_t *body, control_error_t *error)
{
    bool open = op_find(op)->credentials == CRED_OPEN;
    if (!open && !self->credential && !(self->credential = credential_management(self, url)))
        exit(CTL_REFUSED);
    json_t *reply = remote_call(url, open ? NULL : self->credential, op, target, body, error);
    if (!reply && error->code == ERROR_invalid_session)
        snprintf(
            error->message, sizeof error->message,
            "the session has ended: log in again with posternctl --management-url %.200s login "
            "EMAIL --save",
            url);
    return reply;
}

static json_t *s_local(ctl_t *self, unsigned op, const char *target, const json_t *body,
                       control_error_t *error)
{
    const conf_t *conf = ctl_conf(self);
    if (!self->control)
        self->control = control_new(conf, self->up, error);
    return self->control ? control_call(self->control, op, target, body, error) : NULL;
}

static json_t *s_call(ctl_t *self, unsigned op, const char *target, const json_t *body,
                      control_error_t *error)
{
    const char *url = ctl_admin_url(self);
    json_t *reply =
        url ? s_remote(self, url, op, target, body, error) : s_local(self, op, target, body, error);
    if (!reply && error->code)
        said_here(self->command, error->message, sizeof error->message);
    return reply;
}

static bool s_is_yes(const char *question)
{
    char line[16];
    fprintf(stderr, "%s [y/N] ", question);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

json_t *ctl_call_confirmed(ctl_t *self, unsigned op, const char *target, json_t *body,
                           const char *question)
{
    control_error_t error = {0};
    json_t *reply = s_call(self, op, target, body, &error);
    if (!reply && error.code == ERROR_confirm_needed && !self->json && isatty(0)) {
        table_text(stderr, error.message);
        fputc('\n', stderr);
        if (s_is_yes(question)) {
            json_object_set_new(body, "confirm", json_true());
            reply = s_call(self, op, target, body, &error);
        } else {
            snprintf(error.message, sizeof error.message, "not done");
        }
    }
    if (!reply)
        ctl_error(self, error.name, "%s", error.message);
    return reply;
}

json_t *ctl_ask(ctl_t *self, unsigned op, const char *target)
{
    control_error_t error = {0};
    return s_call(self, op, target, NULL, &error);
}

json_t *ctl_call_or(ctl_t *self, unsigned op, const char *target, const json_t *body,
                    unsigned quiet, bool *was)
{
    control_error_t error = {0};
    json_t *reply = s_call(self, op, target, body, &error);
    bool is_quiet = !reply && quiet != ERROR_none && error.code == quiet;
    if (!reply && !is_quiet)
        ctl_error(self, error.name, "%s", error.message);
    if (was)
        *was = is_quiet;
    return reply;
}

json_t *ctl_call(ctl_t *self, unsigned op, const char *target, json_t *body)
{
    json_t *reply = ctl_call_or(self, op, target, body, ERROR_none, NULL);
    json_decref(body);
    return reply;
}
