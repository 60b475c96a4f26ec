/* What a database needs before a worker opens its journal in it: a role, a schema, tables, and a
 * row of each shard. Made by an administrator of the database (posternctl db init); workers make
 * and drop the tables of their records themselves.
 *
 * Threading: one thread. 0, or -1 with the reason in err. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_SCHEMA_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_SCHEMA_H

#include "common/base/ops.h"
#include "common/base/slice.h"
#include "common/base/uuid.h"
#include "common/conf/conf.h"

#include <stdbool.h>
#include <stddef.h>

/* Tells what was done, a line a step. */
typedef void (*schema_said_fn)(const char *line);

/* What was found of a thing that a server is to have. */
typedef struct {
    const char *cluster; /* NULL: of none */
    const char *state;   /* "ok", "note": a worker starts without it, or "lacking" */
    const char *what;    /* NULL: those of the cluster follow, one of several */
    slice_t is;
    const char *todo; /* NULL: nothing */
} schema_found_t;
typedef void (*schema_found_fn)(const schema_found_t *found);
/* The same for people. */
void schema_found_line(const schema_found_t *found, char *line, size_t size);

typedef struct {
    const char *admin;  /* connection string of who may make roles and schemas */
    const char *worker; /* that of the workers: the role that it names is made, with its password */
    bool drawn;         /* its password was drawn now: the role must not be there */
    const char *worker_file, *directory_file; /* where the roles' connection strings stand */
    const char *directory; /* that of the authds, likewise; NULL: the workers' role has the
                              directory, too */
    bool directory_drawn;
    unsigned shards[WORKER_KINDS]; /* fixed from then on */
    const char *cluster;           /* which one it is (common/life/clusters.h); NULL: main */
    const char *main; /* of another than the main one: the workers' connection string of that */
    const uuid_t7 *wanted; /* NULL, or which installation the main cluster has to be of already */
    uuid_t7 *installation; /* NULL, or becomes the main cluster's */
    schema_said_fn said;
} schema_options_t;

/* Makes what is missing, also in an installation of a version that had channels alone; what is
 * there stays as it is. The shards and the directory are made in the main cluster: shards move to
 * another one (move.h). */
int schema_make(const schema_options_t *options, char *err, size_t err_size);

/* The same of an authd, by its own. Takes 2 s, in which it looks which hosts live. */
int schema_check_directory(const char *directory, schema_found_fn found, char *err,
                           size_t err_size);

/* Whether the workers' role has no part in the directory. */
void schema_check_apart(const char *worker, schema_found_fn found);

/* What a worker would find in CLUSTER, by its own connection string: tells of each thing, and what
 * is to be done where it will not do. COPIES: postgres.copies. *installation: its id; in: what
 * it has to be, where it is not zero. -1 where a worker would not start. */
int schema_check(const char *worker, const char *cluster, uuid_t7 *installation,
                 const unsigned shards[WORKER_KINDS], unsigned copies, schema_found_fn found,
                 char *err, size_t err_size);

/* Both of what a configuration says: of the journals, and of the directory where directory.engine
 * is postgres. The files of the roles' connections are made where they are missing. CLUSTER: which
 * one is made, NULL for the main one; all are checked. */
int schema_make_as(const conf_t *conf, const char *admin_file, const char *cluster,
                   schema_said_fn said, char *err, size_t err_size);
int schema_check_as(const conf_t *conf, schema_found_fn found, char *err, size_t err_size);

#endif
