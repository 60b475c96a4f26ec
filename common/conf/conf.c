#include "common/conf/conf.h"

#include "common/conf/conf_check.h"
#include "common/log/log.h"

#include <assert.h>
#include <ctype.h>
#include <czmq.h>
#include <limits.h>

enum { ENDPOINTS = 16, IPC_PATH = 107 };

struct conf {
    char base[PATH_MAX]; /* directory that relative paths start at */
    char *values[SETTING_COUNT];
    char *endpoints[SETTING_COUNT][ENDPOINTS]; /* resolved */
};

static const char *s_name(setting_t setting, char name[96])
{
    snprintf(name, 96, "%s.%s", setting_table[setting].section, setting_table[setting].key);
    return name;
}

static void s_store(char **to, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        abort();
    free(*to);
    *to = copy;
}

static int s_set(conf_t *self, setting_t setting, const char *value, char *err, size_t err_size)
{
    char reason[CONF_TEXT], name[96];
    if (conf_check(&setting_table[setting], value, reason, sizeof reason) != 0) {
        snprintf(err, err_size, "%s: %s", s_name(setting, name), reason);
        return -1;
    }
    s_store(&self->values[setting], value);
    return 0;
}

static int s_set_named(conf_t *self, const char *name, const char *value, char *err,
                       size_t err_size)
{
    char section[64];
    const char *dot = strchr(name, '.');
    size_t len = dot ? (size_t)(dot - name) : 0;
    if (len > 0 && len < sizeof section) {
        memcpy(section, name, len);
        section[len] = '\0';
        setting_t setting = conf_setting(section, dot + 1);
        if (setting != SETTING_COUNT)
            return s_set(self, setting, value, err, err_size);
    }
    snprintf(err, err_size, "%s: there is no such setting; -t lists them", name);
    return -1;
}

static bool s_is_section(const char *section)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (strcmp(setting_table[i].section, section) == 0)
            return true;
    return false;
}

static int s_read_section(conf_t *self, zconfig_t *section, char *err, size_t err_size)
{
    for (zconfig_t *item = zconfig_child(section); item; item = zconfig_next(item)) {
        char name[256];
        snprintf(name, sizeof name, "%s.%s", zconfig_name(section), zconfig_name(item));
        if (s_set_named(self, name, zconfig_value(item) ? zconfig_value(item) : "", err, err_size))
            return -1;
    }
    return 0;
}

static int s_read_file(conf_t *self, const char *path, char *err, size_t err_size)
{
    char reason[CONF_TEXT + 128];
    if (access(path, R_OK) != 0) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        return -1;
    }
    zconfig_t *root = zconfig_load(path);
    if (!root) {
        snprintf(err, err_size, "%s: not a ZPL file: indent by 4 spaces, write key = value", path);
        return -1;
    }
    int rc = 0;
    for (zconfig_t *section = zconfig_child(root); section && rc == 0;
         section = zconfig_next(section)) {
        if (s_is_section(zconfig_name(section))) {
            rc = s_read_section(self, section, reason, sizeof reason);
        } else {
            snprintf(reason, sizeof reason, "there is no section \"%s\"", zconfig_name(section));
            rc = -1;
        }
    }
    zconfig_destroy(&root);
    if (rc != 0)
        snprintf(err, err_size, "%s: %s", path, reason);
    return rc;
}

/* POSTERN_GATEWAY_THREADS=2 → gateway.threads; names that start with no section are not ours. */
static int s_read_variable(conf_t *self, const char *variable, char *err, size_t err_size)
{
    char name[128], reason[CONF_TEXT + 128];
    const char *equals = strchr(variable, '=');
    size_t len = equals ? (size_t)(equals - variable) : 0;
    if (len == 0 || len >= sizeof name)
        return 0;
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)variable[i]);
    name[len] = '\0';
    char *underscore = strchr(name, '_');
    if (!underscore)
        return 0;
    *underscore = '\0';
    bool ours = s_is_section(name);
    *underscore = '.';
    if (!ours || s_set_named(self, name, equals + 1, reason, sizeof reason) == 0)
        return 0;
    snprintf(err, err_size, "environment POSTERN_%.*s: %s", (int)len, variable, reason);
    return -1;
}

static int s_read_environment(conf_t *self, char *err, size_t err_size)
{
    extern char **environ;
    for (char **each = environ; *each; each++)
        if (strncmp(*each, "POSTERN_", 8) == 0 &&
            s_read_variable(self, *each + 8, err, err_size) != 0)
            return -1;
    return 0;
}

static void s_resolve_path(conf_t *self, setting_t setting)
{
    const char *value = self->values[setting];
    char full[PATH_MAX + CONF_TEXT];
    if (*value == '\0' || *value == '/')
        return;
    snprintf(full, sizeof full, "%s/%s", self->base, value);
    s_store(&self->values[setting], full);
}

/* ipc://name lies in data.sockets; sun_path allows 107 characters. */
static int s_resolve_endpoint(conf_t *self, setting_t setting, unsigned i, const char *word,
                              char *err, size_t err_size)
{
    char full[PATH_MAX + CONF_TEXT], name[96];
    snprintf(full, sizeof full, "%s", word);
    if (strncmp(word, "ipc://", 6) == 0 && !strchr(word + 6, '/'))
        snprintf(full, sizeof full, "ipc://%s/%s", self->values[SET_data_sockets], word + 6);
    if (strncmp(full, "ipc://", 6) == 0 && strlen(full + 6) > IPC_PATH) {
        snprintf(err, err_size,
                 "%s: %s is longer than the %d characters that a socket's path may have; set "
                 "data.sockets to a shorter directory",
                 s_name(setting, name), full + 6, IPC_PATH);
        return -1;
    }
    if (conf_is_remote(full) && *self->values[SET_curve_secret] == '\0') {
        snprintf(err, err_size,
                 "%s: plain tcp beyond loopback is refused: set curve.secret, or use ipc://",
                 s_name(setting, name));
        return -1;
    }
    s_store(&self->endpoints[setting][i], full);
    return 0;
}

/* After everything is set: absolute paths and endpoints, and what depends on two settings. */
static int s_resolve(conf_t *self, char *err, size_t err_size)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (setting_table[i].type == SETTING_PATH || setting_table[i].type == SETTING_SECRET)
            s_resolve_path(self, (setting_t)i);
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        char word[CONF_TEXT];
        if (setting_table[i].type != SETTING_ENDPOINT)
            continue;
        for (unsigned j = 0; j < ENDPOINTS && conf_word(self->values[i], j, word, sizeof word); j++)
            if (s_resolve_endpoint(self, (setting_t)i, j, word, err, err_size) != 0)
                return -1;
    }
    if (log_level_of(self->values[SET_log_level]) < 0) {
        snprintf(err, err_size, "log.level: \"%s\" is not debug, info, warn or error",
                 self->values[SET_log_level]);
        return -1;
    }
    return 0;
}

static void s_find_base(conf_t *self, const char *path)
{
    if (!getcwd(self->base, sizeof self->base))
        snprintf(self->base, sizeof self->base, "/");
    if (!path)
        return;
    char full[PATH_MAX];
    if (!realpath(path, full))
        return; /* the file cannot be read, which is said soon */
    char *slash = strrchr(full, '/');
    slash[slash == full ? 1 : 0] = '\0';
    snprintf(self->base, sizeof self->base, "%s", full);
}

conf_t *conf_load_with(const char *path, char *const *overrides, char *err, size_t err_size)
{
    conf_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    setenv("ZSYS_SIGHANDLER", "false", 1); /* czmq would take our signals */
    s_find_base(self, path);
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        s_store(&self->values[i], setting_table[i].fallback);
    int rc = path ? s_read_file(self, path, err, err_size) : 0;
    if (rc == 0)
        rc = s_read_environment(self, err, err_size);
    for (; rc == 0 && overrides && *overrides; overrides++) {
        char name[128];
        const char *equals = strchr(*overrides, '=');
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - *overrides) : 127, *overrides);
        rc = s_set_named(self, name, equals ? equals + 1 : "", err, err_size);
    }
    if (rc == 0)
        rc = s_resolve(self, err, err_size);
    if (rc != 0)
        conf_destroy(&self);
    return self;
}

conf_t *conf_load(const char *path, char *err, size_t err_size)
{
    return conf_load_with(path, NULL, err, err_size);
}

void conf_destroy(conf_t **self_p)
{
    conf_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        free(self->values[i]);
        for (unsigned j = 0; j < ENDPOINTS; j++)
            free(self->endpoints[i][j]);
    }
    free(self);
    *self_p = NULL;
}

uint64_t conf_uint(const conf_t *self, setting_t setting)
{
    assert(setting_table[setting].type == SETTING_UINT);
    return strtoull(self->values[setting], NULL, 10);
}

bool conf_bool(const conf_t *self, setting_t setting)
{
    assert(setting_table[setting].type == SETTING_BOOL);
    const char *value = self->values[setting];
    return strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
}

const char *conf_text(const conf_t *self, setting_t setting)
{
    assert(setting_table[setting].type != SETTING_UINT &&
           setting_table[setting].type != SETTING_BOOL);
    return self->values[setting];
}

const char *conf_endpoint(const conf_t *self, setting_t setting, unsigned i)
{
    assert(setting_table[setting].type == SETTING_ENDPOINT);
    return i < ENDPOINTS ? self->endpoints[setting][i] : NULL;
}

void conf_address(const conf_t *self, setting_t setting, unsigned offset, char *text, size_t size)
{
    assert(setting_table[setting].type == SETTING_ADDRESS);
    const char *value = self->values[setting];
    const char *colon = strrchr(value, ':');
    snprintf(text, size, "%.*s:%u", (int)(colon - value), value,
             (unsigned)atoi(colon + 1) + offset);
}

void conf_print(const conf_t *self)
{
    const char *section = "";
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const setting_row_t *row = &setting_table[i];
        if (strcmp(section, row->section) != 0)
            printf("%s\n", row->section);
        section = row->section;
        bool masked = row->type == SETTING_SECRET && *self->values[i];
        printf("    %s = \"%s\"\n", row->key, masked ? "***" : self->values[i]);
    }
}
