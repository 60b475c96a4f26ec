/* schema.h by an installation's configuration, and the files with the roles' connections. */
#include "common/life/clusters.h"
#include "common/life/engine.h"
#include "common/life/kinds.h"
#include "common/life/paired.h"
#include "common/life/path.h"
#include "common/postgres/connection.h"
#include "workers/journal/postgres/connections.h"
#include "workers/journal/postgres/schema.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool s_has_directory(const conf_t *conf)
{
    return strcmp(conf_text(conf, SET_directory_engine), "postgres") == 0;
}

/* The file of one role's connection: 1, made now; 0, there; -1 with the reason in err. */
static int s_make_file(const char *path, const char *role, const char *admin, char **connection,
                       char *err, size_t err_size)
{
    int made = connection_make(path, role, admin, err, err_size);
    *connection = made >= 0 ? connection_read(path, err, err_size) : NULL;
    return *connection ? made : -1;
}

/* A file that was made is of a role that may not be there, where this failed. */
static void s_end_file(const char *path, int made, bool good, const char *name, schema_said_fn said)
{
    char line[128];
    snprintf(line, sizeof line, "made the file of %s, with the password", name);
    if (made > 0 && good)
        said(line);
    else if (made > 0)
        unlink(path);
}

/* Of a cluster that is not the main one: no directory is in it. */
static int s_make_cluster(const conf_t *conf, const char *admin_file, const char *cluster,
                          schema_said_fn said, char *err, size_t err_size)
{
    clusters_t all;
    int at = clusters_read(conf, NULL, &all, err, err_size) == 0 ? clusters_find(&all, cluster) : 0;
    if (at < 0)
        snprintf(err, err_size, "no cluster is called %s: postgres.clusters names them", cluster);
    if (at <= 0)
        return -1;
    const char *path = all.list[at].path;
    char *admin = connection_read(admin_file, err, err_size), *worker = NULL;
    char *first = admin ? connection_read(all.list[0].path, err, err_size) : NULL;
    int made = first ? s_make_file(path, "postern_journal", admin, &worker, err, err_size) : -1;
    schema_options_t options = {.admin = admin,
                                .worker = worker,
                                .worker_file = path,
                                .drawn = made > 0,
                                .cluster = cluster,
                                .main = first,
                                .said = said};
    conf_shards(conf, options.shards);
    int rc = worker ? schema_make(&options, err, err_size) : -1;
    s_end_file(path, made, rc == 0, "the cluster", said);
    rc = rc == 0 ? connections_share(conf, path, worker, said, err, err_size) : rc;
    connection_forget(&admin);
    connection_forget(&worker);
    connection_forget(&first);
    return rc;
}

/* So that journals go from here to the database, and back, and from nowhere else. */
static void s_pair(const conf_t *conf, const uuid_t7 *installation, schema_said_fn said)
{
    char why[PATH_ERROR], line[PATH_ERROR + 128];
    int made = paired_note(conf_text(conf, SET_data_directory), installation, why, sizeof why);
    if (made > 0)
        said("made the file " PAIRED_FILE
             " in data.directory, which says that both belong together");
    if (made >= 0)
        return;
    snprintf(line, sizeof line,
             "did not make the file " PAIRED_FILE ", which posternctl migrate looks for: %s", why);
    said(line);
}

int schema_make_as(const conf_t *conf, const char *admin_file, const char *cluster,
                   schema_said_fn said, char *err, size_t err_size)
{
    if (cluster && strcmp(cluster, CLUSTER_MAIN) != 0)
        return s_make_cluster(conf, admin_file, cluster, said, err, err_size);
    char directory_path[4096 + 16];
    const char *path = conf_text(conf, SET_postgres_connection);
    uuid_t7 wanted, installation;
    int paired = paired_read(conf_text(conf, SET_data_directory), &wanted, err, err_size);
    if (paired < 0)
        return -1;
    char *admin = connection_read(admin_file, err, err_size), *worker = NULL, *directory = NULL;
    kinds_directory(conf, true, directory_path, sizeof directory_path);
    int made = admin ? s_make_file(path, "postern_journal", admin, &worker, err, err_size) : -1;
    int also = 0;
    if (worker && s_has_directory(conf))
        also = s_make_file(directory_path, "postern_directory", admin, &directory, err, err_size);
    schema_options_t options = {.admin = admin,
                                .worker = worker,
                                .worker_file = path,
                                .directory_file = directory_path,
                                .drawn = made > 0,
                                .directory = directory,
                                .directory_drawn = also > 0,
                                .wanted = paired ? &wanted : NULL,
                                .installation = &installation,
                                .said = said};
    conf_shards(conf, options.shards);
    int rc = worker && also >= 0 ? schema_make(&options, err, err_size) : -1;
    s_end_file(path, made, rc == 0, "postgres.connection", said);
    s_end_file(directory_path, also, rc == 0, "directory.connection", said);
    if (rc == 0)
        s_pair(conf, &installation, said);
    rc = rc == 0 ? connections_share(conf, path, worker, said, err, err_size) : rc;
    connection_forget(&admin);
    connection_forget(&worker);
    connection_forget(&directory);
    return rc;
}

static int s_check_directory(const conf_t *conf, const char *worker, schema_found_fn found,
                             char *err, size_t err_size)
{
    char path[4096 + 16];
    kinds_directory(conf, false, path, sizeof path);
    char *directory = connection_read(path, err, err_size);
    int rc = directory ? schema_check_directory(directory, found, err, err_size) : -1;
    schema_check_apart(worker, found);
    connection_forget(&directory);
    return rc;
}

static int s_check(const conf_t *conf, const cluster_file_t *cluster, uuid_t7 *installation,
                   schema_found_fn found, char *err, size_t err_size)
{
    char *worker = connection_read(cluster->path, err, err_size);
    unsigned shards[WORKER_KINDS];
    conf_shards(conf, shards);
    int rc =
        worker ? schema_check(worker, cluster->name, installation, shards,
                              (unsigned)conf_uint(conf, SET_postgres_copies), found, err, err_size)
               : -1;
    if (rc == 0 && s_has_directory(conf) && strcmp(cluster->name, CLUSTER_MAIN) == 0)
        rc = s_check_directory(conf, worker, found, err, err_size);
    connection_forget(&worker);
    return rc;
}

/* What is wrong with the first one is said in the end. */
int schema_check_as(const conf_t *conf, schema_found_fn found, char *err, size_t err_size)
{
    clusters_t all;
    char wrong[2048];
    uuid_t7 installation = {{0}};
    if (clusters_read(conf, NULL, &all, err, err_size) != 0)
        return -1;
    int rc = 0;
    for (unsigned i = 0; i < all.len; i++) {
        if (all.len > 1)
            found(&(schema_found_t){.cluster = all.list[i].name});
        if (s_check(conf, &all.list[i], &installation, found, wrong, sizeof wrong) != 0 &&
            rc == 0) {
            rc = -1;
            snprintf(err, err_size, "%s", wrong);
        }
    }
    return rc == 0 ? engine_check_all(conf, err, err_size) : rc;
}
