#include "common/life/clusters.h"

#include "common/life/kinds.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int clusters_find(const clusters_t *self, const char *name)
{
    for (unsigned i = 0; i < self->len; i++)
        if (strcmp(self->list[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int s_refuse(const char *word, size_t len, const char *what, char *err, size_t err_size)
{
    snprintf(err, err_size, "postgres.clusters: \"%.*s\" %s", (int)len, word, what);
    return -1;
}

/* The file that SECTION's workers read in the place of one. */
static void s_own_file(const char *section, char *path, size_t size)
{
    char own[PATH_MAX + 32];
    if (!section || !kinds_has_handlers(section))
        return;
    snprintf(own, sizeof own, "%s.%s", path, section);
    if (access(own, F_OK) == 0)
        snprintf(path, size, "%.*s", (int)size - 1, own);
}

/* A word of LEN bytes: NAME=FILE. */
static int s_add(const conf_t *conf, const char *section, clusters_t *self, const char *word,
                 size_t len, char *err, size_t err_size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    cluster_file_t *to = &self->list[self->len];
    size_t name = strspn(word, letters);
    if (name == 0 || name >= CLUSTER_NAME || word[name] != '=' || name + 1 >= len)
        return s_refuse(word, len, "is no NAME=FILE, with a name of up to 23 of a-z, 0-9 and \"-\"",
                        err, err_size);
    if (self->len == CLUSTERS)
        return s_refuse(word, len, "is one too many: 16 with the main one", err, err_size);
    snprintf(to->name, sizeof to->name, "%.*s", (int)name, word);
    if (clusters_find(self, to->name) >= 0)
        return s_refuse(word, name, "is there already (main is that of postgres.connection)", err,
                        err_size);
    const char *file = word + name + 1;
    bool whole = *file == '/';
    snprintf(to->path, sizeof to->path, "%s%s%.*s", whole ? "" : conf_base(conf), whole ? "" : "/",
             (int)(len - name - 1), file);
    s_own_file(section, to->path, sizeof to->path);
    self->len++;
    return 0;
}

int clusters_read(const conf_t *conf, const char *section, clusters_t *self, char *err,
                  size_t err_size)
{
    static const char blank[] = " \t";
    const char *at = conf_text(conf, SET_postgres_clusters);
    cluster_file_t *main = &self->list[0];
    int rc = 0;
    snprintf(main->name, sizeof main->name, "%s", CLUSTER_MAIN);
    snprintf(main->path, sizeof main->path, "%s", conf_text(conf, SET_postgres_connection));
    s_own_file(*main->path ? section : NULL, main->path, sizeof main->path);
    self->len = 1;
    for (at += strspn(at, blank); *at && rc == 0; at += strspn(at, blank)) {
        size_t len = strcspn(at, blank);
        rc = s_add(conf, section, self, at, len, err, err_size);
        at += len;
    }
    return rc;
}
