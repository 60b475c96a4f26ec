#include "common/conf/conf_read.h"

#include "common/base/utf8.h"
#include "common/conf/conf.h"
#include "common/conf/conf_check.h"

#include <ctype.h>
#include <czmq.h>

enum { FILE_MOST = 1 << 20, INDENT = 4 };

/* The whole file, which the caller frees; NULL with the reason. */
static char *s_slurp(const char *path, char *err, size_t err_size)
{
    char *text = calloc(1, FILE_MOST + 1);
    if (!text)
        abort();
    FILE *from = fopen(path, "r");
    size_t len = from ? fread(text, 1, FILE_MOST, from) : 0;
    const char *reason = NULL;
    if (!from || ferror(from))
        reason = strerror(errno);
    else if (len == FILE_MOST)
        reason = "is too large for a configuration file";
    else if (strlen(text) != len)
        reason = "has a NUL byte, so it is not a text file: save it as UTF-8";
    if (from)
        fclose(from);
    if (!reason)
        return text;
    snprintf(err, err_size, "%s", reason);
    free(text);
    return NULL;
}

/* zconfig tells the line of a wrong indentation on standard output only. */
static int s_check_indents(const char *text, char *err, size_t err_size)
{
    for (unsigned line = 1; *text; line++) {
        size_t indent = strspn(text, " "), len = strcspn(text, "\n");
        if (indent < len && text[indent] != '#' && (indent % INDENT || isspace(text[indent]))) {
            snprintf(err, err_size, "line %u: not ZPL: indent a setting by %d spaces", line,
                     INDENT);
            return -1;
        }
        text += len;
        text += *text == '\n';
    }
    return 0;
}

static bool s_is_section(const char *section)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (strcmp(setting_table[i].section, section) == 0)
            return true;
    return false;
}

static const char *s_value(zconfig_t *item)
{
    return zconfig_value(item) ? zconfig_value(item) : "";
}

static int s_read_item(const char *section, zconfig_t *item, bool seen[SETTING_COUNT + 1],
                       conf_set_fn *set, void *arg, char *err, size_t err_size)
{
    char name[256];
    snprintf(name, sizeof name, "%s.%s", section, zconfig_name(item));
    setting_t setting = conf_setting(section, zconfig_name(item));
    if (zconfig_child(item))
        snprintf(err, err_size, "%s: a setting has no settings of its own", name);
    else if (setting != SETTING_COUNT && seen[setting])
        snprintf(err, err_size, "%s: is there twice", name);
    else {
        seen[setting] = true;
        return set(arg, name, s_value(item), err, err_size);
    }
    return -1;
}

static int s_read_section(zconfig_t *section, bool seen[SETTING_COUNT + 1], conf_set_fn *set,
                          void *arg, char *err, size_t err_size)
{
    const char *name = zconfig_name(section);
    if (!s_is_section(name)) {
        snprintf(err, err_size, "there is no section \"%s\"", name);
        return -1;
    }
    if (*s_value(section)) {
        snprintf(err, err_size, "%s: a section has no value; its settings stand below it", name);
        return -1;
    }
    for (zconfig_t *item = zconfig_child(section); item; item = zconfig_next(item))
        if (s_read_item(name, item, seen, set, arg, err, err_size) != 0)
            return -1;
    return 0;
}

static int s_read_text(const char *text, conf_set_fn *set, void *arg, char *err, size_t err_size)
{
    bool seen[SETTING_COUNT + 1] = {false};
    if (s_check_indents(text, err, err_size) != 0)
        return -1;
    zconfig_t *root = zconfig_str_load(text);
    if (!root) {
        snprintf(err, err_size, "not ZPL: write a section's name, and below it key = value");
        return -1;
    }
    int rc = 0;
    for (zconfig_t *section = zconfig_child(root); section && rc == 0;
         section = zconfig_next(section))
        rc = s_read_section(section, seen, set, arg, err, err_size);
    zconfig_destroy(&root);
    return rc;
}

int conf_read_file(const char *path, conf_set_fn *set, void *arg, char *err, size_t err_size)
{
    char reason[CONF_TEXT + 512];
    char *text = s_slurp(path, reason, sizeof reason);
    const char *from = text ? utf8_unmarked(slice_of(text)).data : NULL;
    int rc = from ? s_read_text(from, set, arg, reason, sizeof reason) : -1;
    free(text);
    if (rc != 0)
        snprintf(err, err_size, "%s: %s", path, reason);
    return rc;
}

/* POSTERN_GATEWAY_THREADS=2 → gateway.threads; names that start with no section are not ours. */
static int s_read_variable(const char *variable, conf_set_fn *set, void *arg, char *err,
                           size_t err_size)
{
    char name[128], reason[CONF_TEXT + 512];
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
    if (!ours || set(arg, name, equals + 1, reason, sizeof reason) == 0)
        return 0;
    snprintf(err, err_size, "environment POSTERN_%.*s: %s", (int)len, variable, reason);
    return -1;
}

int conf_read_environment(conf_set_fn *set, void *arg, char *err, size_t err_size)
{
    for (char **each = environ; *each; each++)
        if (strncmp(*each, "POSTERN_", 8) == 0 &&
            s_read_variable(*each + 8, set, arg, err, err_size) != 0)
            return -1;
    return 0;
}
