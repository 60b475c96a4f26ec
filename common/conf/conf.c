#include "common/conf/conf.h"

#include "common/conf/conf_check.h"
#include "common/conf/conf_read.h"
#include "common/log/log.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENDPOINTS = 16, IPC_PATH = 107 };

struct conf {
    char base[PATH_MAX]; /* directory that relative paths start at */
    char place[64];      /* which it is */
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

/* A conf_set_fn. */
static int s_set_named(void *arg, const char *name, const char *value, char *err, size_t err_size)
{
    conf_t *self = arg;
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

static void s_resolve_path(conf_t *self, setting_t setting)
{
    const char *value = self->values[setting];
    char full[PATH_MAX + CONF_TEXT];
    if (*value == '\0' || *value == '/')
        return;
    snprintf(full, sizeof full, "%s/%s", self->base, value);
    s_store(&self->values[setting], full);
}

/* tcp is encrypted where curve.secret is set. Who connects must know whom it may believe. */
static int s_check_certificate(const conf_t *self, setting_t setting, const char *endpoint,
                               char *err, size_t err_size)
{
    bool bound = setting == SET_authd_listen || setting == SET_authd_admin ||
                 setting == SET_router_requests || setting == SET_router_workers ||
                 setting == SET_router_replies;
    bool tcp = strncmp(endpoint, "tcp://", 6) == 0, named = tcp && strchr(endpoint, '@');
    bool curve = *self->values[SET_curve_secret] != '\0';
    char name[96];
    const char *reason = NULL;
    if (named && bound)
        reason = "@NAME is for those who connect to it, not for the endpoint itself";
    else if (named && !curve)
        reason = "the endpoint names its server's certificate, but curve.secret is not set";
    else if (tcp && curve && !bound && !named)
        reason = "name the certificate of the server, as tcp://host:port@NAME (NAME.pub in "
                 "curve.servers)";
    if (!reason)
        return 0;
    snprintf(err, err_size, "%s: %s: %s", s_name(setting, name), endpoint, reason);
    return -1;
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
    if (setting == SET_authd_control && strncmp(full, "ipc://", 6) != 0) {
        snprintf(err, err_size, "%s: the control socket is ipc:// only", s_name(setting, name));
        return -1;
    }
    if (conf_is_remote(full) && *self->values[SET_curve_secret] == '\0') {
        snprintf(err, err_size,
                 "%s: plain tcp beyond loopback is refused: set curve.secret, or use ipc://",
                 s_name(setting, name));
        return -1;
    }
    if (s_check_certificate(self, setting, full, err, err_size) != 0)
        return -1;
    s_store(&self->endpoints[setting][i], full);
    return 0;
}

/* What conf_text and -t show is what is used. */
static void s_join_endpoints(conf_t *self, setting_t setting)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        abort();
    for (unsigned i = 0; i < ENDPOINTS && self->endpoints[setting][i]; i++)
        fprintf(to, "%s%s", i ? " " : "", self->endpoints[setting][i]);
    fclose(to);
    s_store(&self->values[setting], text);
    free(text);
}

/* Beside data.directory, which is where a disk is mounted. */
static void s_resolve_known(conf_t *self)
{
    char full[PATH_MAX + CONF_TEXT];
    if (*self->values[SET_data_known])
        return;
    snprintf(full, sizeof full, "%s-known", self->values[SET_data_directory]);
    s_store(&self->values[SET_data_known], full);
}

/* After everything is set: absolute paths and endpoints, and what depends on two settings. */
static int s_resolve(conf_t *self, char *err, size_t err_size)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (setting_table[i].type == SETTING_PATH || setting_table[i].type == SETTING_SECRET)
            s_resolve_path(self, (setting_t)i);
    s_resolve_known(self);
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        char word[CONF_TEXT];
        if (setting_table[i].type != SETTING_ENDPOINT)
            continue;
        for (unsigned j = 0; j < ENDPOINTS && conf_word(self->values[i], j, word, sizeof word); j++)
            if (s_resolve_endpoint(self, (setting_t)i, j, word, err, err_size) != 0)
                return -1;
        s_join_endpoints(self, (setting_t)i);
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

/* Whoever could read the configuration may look; the user that the process becomes may not. */
static void s_find_place(conf_t *self)
{
    struct stat is;
    if (stat(self->base, &is) == 0)
        snprintf(self->place, sizeof self->place, "%llx:%llx", (unsigned long long)is.st_dev,
                 (unsigned long long)is.st_ino);
}

static int s_override(conf_t *self, const char *text, char *err, size_t err_size)
{
    char name[128], reason[CONF_TEXT + 128];
    const char *equals = strchr(text, '=');
    if (!equals || (size_t)(equals - text) >= sizeof name) {
        snprintf(err, err_size, "-s takes section.key=value");
        return -1;
    }
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    if (s_set_named(self, name, equals + 1, reason, sizeof reason) == 0)
        return 0;
    snprintf(err, err_size, "-s %s", reason);
    return -1;
}

static int s_load(conf_t *self, const char *path, char *const *overrides, char *err,
                  size_t err_size)
{
    if (path && conf_read_file(path, s_set_named, self, err, err_size) != 0)
        return -1;
    if (conf_read_environment(s_set_named, self, err, err_size) != 0)
        return -1;
    for (; overrides && *overrides; overrides++)
        if (s_override(self, *overrides, err, err_size) != 0)
            return -1;
    char reason[2 * CONF_TEXT];
    if (s_resolve(self, reason, sizeof reason) == 0)
        return 0;
    snprintf(err, err_size, "%s%s%s", path ? path : "", path ? ": " : "", reason);
    return -1;
}

const char *conf_base(const conf_t *self)
{
    return self->base;
}

const char *conf_place(const conf_t *self)
{
    return self->place;
}

conf_t *conf_load_with(const char *path, char *const *overrides, char *err, size_t err_size)
{
    conf_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    setenv("ZSYS_SIGHANDLER", "false", 1); /* czmq would take our signals */
    s_find_base(self, path);
    s_find_place(self);
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        s_store(&self->values[i], setting_table[i].fallback);
    if (s_load(self, path, overrides, err, err_size) != 0)
        conf_destroy(&self);
    return self;
}

const char *conf_default_file(void)
{
    static const char *const places[] = {"./postern.conf", "/etc/postern/postern.conf"};
    const char *named = getenv("POSTERN_CONF");
    if (named && *named)
        return named;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], F_OK) == 0)
            return places[i];
    return NULL;
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

const char *conf_text(const conf_t *self, setting_t setting)
{
    assert(setting_table[setting].type != SETTING_UINT);
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
    snprintf(text, size, "%s", value);
    if (!colon)
        return; /* none: conf_check */
    unsigned port = (unsigned)atoi(colon + 1) + offset;
    if (port > 65535)
        log_fatal(EXIT_CONFIG, "conf.address", "setting=%s.%s value=%s raised_by=%u err=%s",
                  setting_table[setting].section, setting_table[setting].key, LOG_Q(value), offset,
                  LOG_Q("the port passes 65535; set a lower one"));
    snprintf(text, size, "%.*s:%u", (int)(colon - value), value, port);
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
