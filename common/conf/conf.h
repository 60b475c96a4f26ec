/* Configuration: one ZPL file (RFC 4/ZPL, read by czmq's zconfig) with a section a process; the
 * environment overrides it (POSTERN_GATEWAY_THREADS for gateway.threads), and "-s
 * gateway.threads=2" on the command line overrides both. settings.def is the one table of all
 * settings.
 *
 * An unknown section or key, or a value out of range stops the start with the file, section, key
 * and reason on stderr and exit status 78. The result is read-only afterwards: any thread. */
#ifndef POSTERN_CONF_H
#define POSTERN_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct conf conf_t;

/* Every setting as a constant: SET_gateway_threads … */
typedef enum {
#define SETTING(section, key, type, fallback, min, max, help) SET_##section##_##key,
#include "common/conf/settings.def"
#undef SETTING
    SETTING_COUNT
} setting_t;

typedef enum {
    SETTING_UINT,     /* decimal, min to max */
    SETTING_TEXT,     /* min to max is its length */
    SETTING_URL,      /* http:// or https://, as http_url.h reads it, without a query */
    SETTING_NETWORKS, /* CIDRs, separated by spaces or commas; may be empty */
    SETTING_ENDPOINT, /* ipc://… or tcp://…; several, separated by spaces, where max > 1 */
    SETTING_ADDRESS,  /* address:port to listen on, [::1]:80 for IPv6 */
    SETTING_PATH,     /* a relative one starts at the configuration file's directory */
    SETTING_SECRET,   /* a path of a file that holds a secret; -t prints it masked */
} setting_type_t;

typedef struct {
    const char *section, *key;
    setting_type_t type;
    const char *fallback; /* as text, as it would stand in the file */
    uint64_t min, max;
    const char *help;
} setting_row_t;
extern const setting_row_t setting_table[SETTING_COUNT];

/* What every daemon's command line says: -c FILE, -i INDEX (0 to 255: which gateway, or which
 * shard; of a worker also "any", and
 * for several of a host "any1" to "any63": from CONF_ANY on), -t (check, print the effective
 * configuration and exit), -s section.key=value, -P USER (prepare.h, and exit), -h, -V. */
enum { CONF_ANY = 256, CONF_ANYS = 64 };
typedef struct {
    const char *process; /* "postern-authd" */
    const char *section; /* "authd" */
    unsigned index;      /* -i */
    conf_t *conf;
    const char *former; /* -P, NULL without: whose the places may have been */
} conf_start_t;

/* Reads command line, file and environment; handles -t, -h and -V by exiting. Exits on any error.
 */
void conf_start(conf_start_t *start, const char *process, const char *section, int argc,
                char **argv);

/* The file that is used without -c: the first that is there of CONF_PLACES, NULL when none is.
 * $POSTERN_CONF, where it is set, counts also when there is no such file. */
#define CONF_PLACES "$POSTERN_CONF, ./postern.conf, /etc/postern/postern.conf"
const char *conf_default_file(void);

/* Loads a file (NULL: defaults and environment only). NULL on error, with the reason in err. */
conf_t *conf_load(const char *path, char *err, size_t err_size);
/* The same with overrides: a NULL-terminated list of "section.key=value"; NULL for none. */
conf_t *conf_load_with(const char *path, char *const *overrides, char *err, size_t err_size);
void conf_destroy(conf_t **self_p);

/* Values. The type must be the setting's (asserted). Paths come back absolute. */
uint64_t conf_uint(const conf_t *self, setting_t setting);
const char *conf_text(const conf_t *self, setting_t setting);

/* The i-th of an ENDPOINT setting's several, NULL past the last. */
const char *conf_endpoint(const conf_t *self, setting_t setting, unsigned i);

/* An ADDRESS with its port raised by offset, into text; used for monitors: each process has its
 * own. "" where the setting may be empty, and is. */
void conf_address(const conf_t *self, setting_t setting, unsigned offset, char *text, size_t size);

/* Where the workers of SECTION keep their journals: worker.engine, or delivery.engine of those that
 * deliver; and its value. */
setting_t conf_engine_setting(const char *section);
const char *conf_engine(const conf_t *self, const char *section);
/* Whether that is a server that all hosts reach. */
bool conf_is_shared(const conf_t *self, const char *section);

/* Shards of each kind of worker; SHARDS: WORKER_KINDS of them. */
void conf_shards(const conf_t *self, unsigned *shards);

/* The row whose section and key these are, SETTING_COUNT when there is none. */
setting_t conf_setting(const char *section, const char *key);

/* The directory that relative paths start at: the configuration file's, absolute. */
const char *conf_base(const conf_t *self);

/* Which directory that is, whatever paths lead to it: device and inode as they were when the
 * configuration was read. */
const char *conf_place(const conf_t *self);

/* A word that tells installations on one host apart: hexadecimal digits, of the directory that the
 * configuration is in and the path of data.directory, which two have not both in common. The same
 * in all of an installation's processes of a host, whichever user they are and whatever else of
 * their settings has been changed meanwhile. */
enum { CONF_INSTALLATION = 17 };
void conf_installation(const conf_t *self, char id[CONF_INSTALLATION]);

/* Whether the files that the settings name, and that must be there at the start, are: of SECTION's
 * process; NULL: of all. 0, or -1 with setting, file and reason in err. */
int conf_check_files(const conf_t *self, const char *section, char *err, size_t err_size);

/* Prints the effective configuration as ZPL to stdout, secrets masked. */
void conf_print(const conf_t *self);

#endif
