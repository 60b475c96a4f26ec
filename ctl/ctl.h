/* One invocation of posternctl: the command that was found, its arguments and options, and what
 * commands share: configuration, a connection to authd, how results and errors are shown.
 *
 * Errors go to stderr as "posternctl: …"; with --json a refusal is also printed to stdout as
 * {"code", "message"}. Threading: one thread. */
#ifndef POSTERN_CTL_H
#define POSTERN_CTL_H

#include "common/conf/conf.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct ctl ctl_t;

enum { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_CONFIG = 78 };

ctl_t *ctl_new(void);
void ctl_destroy(ctl_t **self_p);

/* Finds the command and checks arguments and options against its row; prints help where asked.
 * -1: the command is to be run; otherwise the exit status. */
int ctl_parse(ctl_t *self, int argc, char **argv);
int ctl_run(ctl_t *self);

/* The row of the command that was found (ctl/command.h). */
const struct command *ctl_command(const ctl_t *self);

/* The I-th argument, NULL past the last. */
const char *ctl_argument(const ctl_t *self, unsigned i);
/* The value of an option of the command's row ("" for a flag), NULL when it was not given. */
const char *ctl_option(const ctl_t *self, const char *name);
/* The value of the option given for the NUMBERth time, from 0; NULL when it was not. */
const char *ctl_option_at(const ctl_t *self, const char *name, unsigned number);
bool ctl_json(const ctl_t *self);

/* The value of a numeric option, FALLBACK when it was not given. Exits with CTL_USAGE when it is no
 * decimal number from MIN to MAX. */
uint64_t ctl_number(const ctl_t *self, const char *option, uint64_t fallback, uint64_t min,
                    uint64_t max);

/* TEXT as a number; exits like ctl_number, naming it WHAT. */
uint64_t ctl_parse_number(const char *what, const char *text, uint64_t min, uint64_t max);

/* The seconds of TEXT such as 90s, 15m, 24h or 30d, at most MAX; likewise. */
uint64_t ctl_parse_seconds(const char *what, const char *text, uint64_t max);

/* The configuration, with the overrides of -s and those that a running `up` has published; loaded
 * at first use. Exits with CTL_CONFIG and the reason when there is none. */
const conf_t *ctl_conf(ctl_t *self);
/* The configuration without the overrides that a running `up` has published. */
const conf_t *ctl_conf_plain(ctl_t *self);
/* Absolute path of the configuration file, after ctl_conf or ctl_conf_plain. */
const char *ctl_conf_path(const ctl_t *self);
/* Overrides a setting here and in ctl_override; a configuration taken before is gone. Exits with
 * CTL_CONFIG and the reason. */
void ctl_set(ctl_t *self, const char *name, const char *value);
/* The I-th override as "section.key=value", NULL past the last. */
const char *ctl_override(const ctl_t *self, unsigned i);
/* How many gateways a running `up` has; 1 when none runs. */
unsigned ctl_gateways(const ctl_t *self);
/* Its --hosts; NULL where it has none, or none runs. */
const char *ctl_hosts(const ctl_t *self);

/* The base URL of the admin API where management is to go over HTTP (--management-url, else
 * $POSTERN_MANAGEMENT_URL, with what credential_management finds); NULL: over the control socket of
 * this machine. Warns of $POSTERN_URL, its former name. */
const char *ctl_admin_url(ctl_t *self);

/* A management operation: takes BODY (NULL for none). The reply (an object), owned by the caller,
 * or NULL after the error has been shown. */
json_t *ctl_call(ctl_t *self, unsigned op, const char *target, json_t *body);
/* ctl_call without a body, which shows no error: NULL then. */
json_t *ctl_ask(ctl_t *self, unsigned op, const char *target);
/* As ctl_call, but BODY is borrowed, and an answer with error code QUIET (error_code_t) is not
 * shown: it sets *WAS, where that is not NULL. */
json_t *ctl_call_or(ctl_t *self, unsigned op, const char *target, const json_t *body,
                    unsigned quiet, bool *was);
/* As ctl_call, of an operation that may need a confirmation (confirm_needed): a person at a
 * terminal is asked QUESTION; else the error is shown. BODY is borrowed. */
json_t *ctl_call_confirmed(ctl_t *self, unsigned op, const char *target, json_t *body,
                           const char *question);
/* Asks for every page (or the one that --limit and --after name), with MORE arguments (an object
 * that is borrowed, or NULL), and joins their arrays KEY. */
json_t *ctl_list(ctl_t *self, unsigned op, const char *target, const char *key, const json_t *more);

/* Prints the columns (names separated by spaces) of a list's answer as a table, and where to go on.
 * Takes it. Returns CTL_OK. */
int ctl_rows(ctl_t *self, json_t *all, const char *key, const char *columns);

/* Shows REPLY: as JSON with --json, else its fields. Takes it. Returns CTL_OK. */
int ctl_show(ctl_t *self, json_t *reply);

/* A warning to stderr. */
void ctl_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An error line to stderr, and {"code","message"} to stdout with --json. */
void ctl_error(const ctl_t *self, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
