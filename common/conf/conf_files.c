#include "common/base/ops.h"
#include "common/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *section; /* whose process reads it; NULL: the workers that deliver */
    setting_t setting;
} s_files[] = {
    {"gateway", SET_gateway_tls_certificate}, {"gateway", SET_gateway_tls_key},
    {"gateway", SET_admin_tls_certificate},   {"gateway", SET_admin_tls_key},
    {NULL, SET_delivery_authorities},
};

static int s_say(setting_t setting, const char *path, const char *what, char *err, size_t err_size)
{
    const setting_row_t *row = &setting_table[setting];
    snprintf(err, err_size, "%s.%s%s%s: %s", row->section, row->key, *path ? " names " : "", path,
             what);
    return -1;
}

static int s_check_pair(const conf_t *self, setting_t certificate, setting_t key, char *err,
                        size_t err_size)
{
    if (*conf_text(self, certificate) && !*conf_text(self, key))
        return s_say(key, "", "is missing: a certificate needs its key", err, err_size);
    if (*conf_text(self, key) && !*conf_text(self, certificate))
        return s_say(certificate, "", "is missing: a key needs its certificate", err, err_size);
    return 0;
}

/* Whether SECTION's process, NULL: any, reads what the row says. */
static bool s_reads(const char *section, size_t row)
{
    op_owner_t owner;
    if (!section)
        return true;
    if (s_files[row].section)
        return strcmp(section, s_files[row].section) == 0;
    return op_owner_of(section, strlen(section), &owner) && op_owner_delivers(owner);
}

int conf_check_files(const conf_t *self, const char *section, char *err, size_t err_size)
{
    bool gateway = !section || strcmp(section, "gateway") == 0;
    if (gateway &&
        (s_check_pair(self, SET_gateway_tls_certificate, SET_gateway_tls_key, err, err_size) != 0 ||
         s_check_pair(self, SET_admin_tls_certificate, SET_admin_tls_key, err, err_size) != 0))
        return -1;
    for (size_t i = 0; i < sizeof s_files / sizeof *s_files; i++) {
        const char *path = conf_text(self, s_files[i].setting);
        if (*path == '\0' || !s_reads(section, i))
            continue;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
            return s_say(s_files[i].setting, path, strerror(errno), err, err_size);
        close(fd);
    }
    return 0;
}
