/* posternctl init: a configuration, a data directory and a master key. */
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/life/life.h"
#include "ctl/command.h"
#include "ctl/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_BYTES = 32 };
/* Ports of the monitors when the defaults, ten a kind, do not suffice. */
enum { MONITOR_PORTS = 9400, MONITOR_STEP = 256 };

/* A socket's path has at most 107 characters, and the longest one here follows the directory. */
enum { INIT_DIR = 107 - sizeof "/data/run/router-requests.lock" };

typedef struct {
    ctl_t *ctl;
    char dir[INIT_DIR]; /* absolute */
    unsigned shards[WORKER_KINDS];
    const char *url, *owner, *postgres;
} init_t;

/* "channel=4,bot=2" */
static void s_parse_shards(init_t *self, const char *text)
{
    for (unsigned i = 0; i < WORKER_KINDS; i++)
        self->shards[i] = 1;
    while (text && *text) {
        char part[64], *equals;
        int len = (int)strcspn(text, ",");
        snprintf(part, sizeof part, "%.*s", len, text);
        text += len + (text[len] == ',');
        equals = strchr(part, '=');
        if (equals)
            *equals = '\0';
        op_owner_t kind;
        if (!equals || !op_owner_of(part, strlen(part), &kind)) {
            char kinds[256];
            op_owner_list("=N", " and ", kinds, sizeof kinds);
            fprintf(stderr, "posternctl: --shards takes %s, separated by commas, not '%s'\n", kinds,
                    part);
            exit(CTL_USAGE);
        }
        self->shards[kind] = (unsigned)ctl_parse_number("a shard count", equals + 1, 1, 256);
    }
}

/* Makes a file that must not be there yet. */
static int s_create(const init_t *self, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", self->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        ctl_error(self->ctl, "conflict",
                  "%s is there already, and init overwrites nothing: name another directory", path);
    else if (fd < 0)
        ctl_error(self->ctl, "failed", "cannot make %s: %s", path, strerror(errno));
    return fd;
}

static bool s_exists(const init_t *self, const char *name)
{
    char path[PATH_MAX];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", self->dir, name);
    if (lstat(path, &info) != 0)
        return false;
    ctl_error(self->ctl, "conflict",
              "%s is there already, and init overwrites nothing: name another directory", path);
    return true;
}

/* Their default ports lie ten apart: with more workers of a kind they would run into each other. */
static void s_write_monitors(const init_t *self, FILE *out)
{
    if (self->shards[0] <= 10 && self->shards[1] <= 10 && self->shards[2] <= 10)
        return;
    fputs("\n#   Monitors; the port is raised by the shard.\n", out);
    for (unsigned i = 0; i < WORKER_KINDS; i++)
        fprintf(out, "%s\n    monitor = \"127.0.0.1:%u\"\n", op_owner_name(i),
                MONITOR_PORTS + i * MONITOR_STEP);
}

static void s_write_text(const init_t *self, FILE *out)
{
    fputs("#   Postern's configuration (ZPL). What is not here has its default: docs/REFERENCE.md\n"
          "#   lists every setting, and any process prints the effective ones with -t.\n"
          "#   Relative paths start at this file's directory.\n\n",
          out);
    fputs("public\n", out);
    if (self->url)
        fprintf(out, "    url = \"%s\"\n", self->url);
    else
        fputs("#   The base of every endpoint URL that is printed:\n"
              "#   url = \"https://hooks.example.org\"\n",
              out);
    fputs(
        "\n#   How many workers share the channels, the bots and the extensions. With 1 each (the\n"
        "#   default) one process and one disk queue serve a kind: enough for one machine with "
        "few\n"
        "#   cores. A target's shard follows from this number, so it is fixed for the life of the\n"
        "#   data: changing it needs a reshard.\nshards\n",
        out);
    for (unsigned i = 0; i < WORKER_KINDS; i++)
        fprintf(out, "    %s = %u\n", op_owner_name(i), self->shards[i]);
    s_write_monitors(self, out);
    if (self->postgres)
        fputs("\n#   The journals of all workers lie in PostgreSQL. With copies = 2 the server has "
              "to "
              "have a\n"
              "#   synchronous standby; posternctl db check says what it lacks.\n"
              "worker\n    engine = \"postgres\"\n\ndelivery\n    engine = \"postgres\"\n\n"
              "postgres\n    connection = \"data/postgres.connection\"\n    copies = 2\n",
              out);
}

static int s_write_conf(const init_t *self)
{
    int fd = s_create(self, "postern.conf", 0644);
    if (fd < 0)
        return -1;
    FILE *out = fdopen(fd, "w");
    s_write_text(self, out);
    if (fflush(out) != 0 || fsync(fd) != 0 || fclose(out) != 0) {
        ctl_error(self->ctl, "failed", "cannot write %s/postern.conf: %s", self->dir,
                  strerror(errno));
        return -1;
    }
    return 0;
}

static int s_write_key(const init_t *self)
{
    unsigned char key[KEY_BYTES];
    char text[2 * KEY_BYTES + 2];
    int fd = s_create(self, "data/master.key", 0600);
    if (fd < 0)
        return -1;
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        abort();
    sodium_bin2hex(text, sizeof text, key, KEY_BYTES);
    text[2 * KEY_BYTES] = '\n';
    ssize_t len = 2 * KEY_BYTES + 1;
    bool good = write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    if (!good)
        ctl_error(self->ctl, "failed", "cannot write %s/data/master.key: %s", self->dir,
                  strerror(errno));
    close(fd);
    secret_wipe(key, sizeof key);
    secret_wipe(text, sizeof text);
    return good ? 0 : -1;
}

/* authd makes the user when it starts: the directory is its own. */
static int s_write_owner(const init_t *self)
{
    if (!self->owner)
        return 0;
    int fd = s_create(self, "data/first-owner", 0600);
    if (fd < 0)
        return -1;
    bool good = dprintf(fd, "%s\n", self->owner) > 0 && fsync(fd) == 0;
    if (!good)
        ctl_error(self->ctl, "failed", "cannot write %s/data/first-owner: %s", self->dir,
                  strerror(errno));
    close(fd);
    return good ? 0 : -1;
}

/* One that is there may be anybody's, and have any mode. */
static int s_make_private(const init_t *self)
{
    char path[PATH_MAX];
    struct stat info;
    snprintf(path, sizeof path, "%s/data", self->dir);
    life_make_dir(path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ours = fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid();
    bool good = ours && fchmod(fd, 0700) == 0;
    if (fd >= 0 && !ours)
        ctl_error(self->ctl, "conflict", "%s is another user's: name another directory", path);
    else if (!good)
        ctl_error(self->ctl, "failed", "cannot make %s private: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good ? 0 : -1;
}

static int s_make_dirs(init_t *self, const char *dir)
{
    char path[PATH_MAX];
    struct stat info;
    if (stat(dir, &info) != 0)
        life_make_dir(dir);
    if (!realpath(dir, path)) {
        ctl_error(self->ctl, "failed", "cannot use %s: %s", dir, strerror(errno));
        return -1;
    }
    size_t len = strlen(path);
    if (len >= sizeof self->dir) {
        ctl_error(self->ctl, "failed",
                  "%s is too long a path for the sockets below it: choose a directory of at most "
                  "%zu characters",
                  path, sizeof self->dir - 1);
        return -1;
    }
    memcpy(self->dir, path, len + 1);
    if (s_exists(self, "postern.conf") || s_exists(self, "data/master.key"))
        return -1;
    return s_make_private(self);
}

static int s_report(const init_t *self)
{
    if (ctl_json(self->ctl)) {
        json_t *shards = json_object();
        for (unsigned i = 0; i < WORKER_KINDS; i++)
            json_object_set_new(shards, op_owner_name(i), json_integer(self->shards[i]));
        return ctl_show(self->ctl, json_pack("{s:o, s:o}", "directory", table_string(self->dir),
                                             "shards", shards));
    }
    printf("Made %s/postern.conf, and %s/data with its master key.\n", self->dir, self->dir);
    for (unsigned i = 0; i < WORKER_KINDS; i++)
        printf("%s %s %u", i ? "," : "Shards:", op_owner_name(i), self->shards[i]);
    printf(
        ": so many workers share each kind. These\n"
        "numbers are fixed for the life of the data, until a reshard; 1 each, the default, suits\n"
        "one small machine. Keep a copy of the master key: without it the appkeys are lost.\n");
    if (self->owner)
        printf("Owner: %s, as soon as it runs.\n", self->owner);
    if (self->postgres)
        printf("The database follows. Where that fails, mend what it says and go on with\n"
               "    posternctl -c %s/postern.conf db init %s\n"
               "Next: posternctl -c %s/postern.conf db check, and then up\n",
               self->dir, self->postgres, self->dir);
    else
        printf("Next: posternctl -c %s/postern.conf up\n", self->dir);
    return CTL_OK;
}

/* As JSON the database's steps alone are told. */
static int s_make_database(const init_t *self)
{
    char conf[PATH_MAX];
    snprintf(conf, sizeof conf, "%s/postern.conf", self->dir);
    int rc = ctl_json(self->ctl) ? CTL_OK : s_report(self);
    return rc == CTL_OK ? database_make(self->ctl, conf, self->postgres) : rc;
}

/* The text goes into the configuration between quotes. */
static bool s_url_is_good(const char *url)
{
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return false;
    for (; *url; url++)
        if (*url <= ' ' || *url >= 0x7f || *url == '"' || *url == '#')
            return false;
    return true;
}

/* authd looks closer. */
static bool s_owner_is_good(const char *email)
{
    const char *at = strchr(email, '@');
    return at && at != email && strchr(at, '.') && strlen(email) <= 128 &&
           !strpbrk(email, " \t\r\n");
}

int init_run(ctl_t *ctl)
{
    init_t self = {
        .ctl = ctl,
        .url = ctl_option(ctl, "--url"),
        .owner = ctl_option(ctl, "--owner"),
        .postgres = ctl_option(ctl, "--postgres"),
    };
    const char *dir = ctl_argument(ctl, 0);
    s_parse_shards(&self, ctl_option(ctl, "--shards"));
    if (self.url && !s_url_is_good(self.url)) {
        fprintf(stderr, "posternctl: --url takes an http:// or https:// URL\n");
        return CTL_USAGE;
    }
    if (self.owner && !s_owner_is_good(self.owner)) {
        fprintf(stderr, "posternctl: --owner takes an email address\n");
        return CTL_USAGE;
    }
    if (s_make_dirs(&self, dir ? dir : ".") != 0 || s_write_key(&self) != 0 ||
        s_write_owner(&self) != 0 || s_write_conf(&self) != 0)
        return CTL_REFUSED;
    if (self.postgres)
        return s_make_database(&self);
    return s_report(&self);
}
