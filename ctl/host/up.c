/* posternctl up: all processes of this host, started and watched. */
#include "common/health/fleet.h"
#include "common/life/kinds.h"
#include "common/life/life.h"
#include "common/life/listening.h"
#include "common/life/path.h"
#include "common/life/prepare.h"
#include "common/life/trust.h"
#include "common/log/log.h"
#include "ctl/command.h"
#include "ctl/host/addresses.h"
#include "ctl/host/demo.h"
#include "ctl/host/doorbell.h"
#include "ctl/host/part.h"
#include "ctl/host/supervise.h"
#include "ctl/notice.h"
#include "ctl/table.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where --port N lays the monitors: N+1 is left to the admin listener. */
enum { UP_MONITOR_OFFSET = 10 };

typedef struct {
    ctl_t *ctl;
    fleet_t *fleet;
    supervise_t *supervise;
    int ready_fd; /* of --ready-fd, -1: none */
    int bell;     /* doorbell.h */
    int caller;   /* who asked for the restart that goes on, -1: nobody */
} up_t;

/* ADDRESS with another port. */
static void s_with_port(const char *address, unsigned port, char *text, size_t size)
{
    const char *colon = strrchr(address, ':');
    int len = colon ? (int)(colon - address) : (int)strlen(address);
    snprintf(text, size, "%.*s:%u", len, address, port);
}

static void s_set(ctl_t *ctl, setting_t setting, const char *value)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", setting_table[setting].section,
             setting_table[setting].key);
    ctl_set(ctl, name, value);
}

/* Moves a listener to PORT, and URL with it where that is the listener's own address. */
static void s_move(ctl_t *ctl, setting_t listen, setting_t url, unsigned port)
{
    char old[288], address[320], text[340];
    conf_address(ctl_conf_plain(ctl), listen, 0, old, sizeof old);
    if (!*old)
        return;
    s_with_port(old, port, address, sizeof address);
    snprintf(text, sizeof text, "http://%s", old);
    bool own = strcmp(conf_text(ctl_conf_plain(ctl), url), text) == 0;
    snprintf(text, sizeof text, "http://%s", address);
    s_set(ctl, listen, address);
    if (own)
        s_set(ctl, url, text);
}

/* Moves the public listener to PORT, the admin listener behind it and the monitors to a row of
 * ports above it. */
static void s_lay_ports(ctl_t *ctl, unsigned port, const fleet_part_t *part)
{
    char old[288], address[320];
    s_move(ctl, SET_gateway_listen, SET_public_url, port);
    s_move(ctl, SET_admin_listen, SET_admin_url, port + 1);
    unsigned next = port + UP_MONITOR_OFFSET, count;
    const char *section;
    for (unsigned i = 0; (count = fleet_kind(ctl_conf_plain(ctl), part, i, &section)) > 0; i++) {
        setting_t monitor = conf_setting(section, "monitor");
        conf_address(ctl_conf_plain(ctl), monitor, 0, old, sizeof old);
        s_with_port(old, next, address, sizeof address);
        if (next + count > 65536) {
            fprintf(stderr, "posternctl: the monitors of --port %u would lie above 65535\n", port);
            exit(CTL_USAGE);
        }
        s_set(ctl, monitor, address);
        next += count;
    }
}

static int s_hang_notice(ctl_t *ctl, unsigned gateways)
{
    const char *dir = conf_text(ctl_conf_plain(ctl), SET_data_sockets);
    json_t *set = json_array();
    long holder = 0;
    for (unsigned i = 0; ctl_override(ctl, i); i++)
        json_array_append_new(set, json_string(ctl_override(ctl, i)));
    json_t *content = json_pack("{s:i, s:i, s:s*, s:o}", "pid", (int)getpid(), "gateways", gateways,
                                "hosts", ctl_option(ctl, "--hosts"), "set", set);
    char err[PATH_ERROR];
    int rc = -2;
    if (trust_check(ctl_conf_plain(ctl), dir, err, sizeof err) == 0) {
        life_make_sockets(ctl_conf_plain(ctl));
        rc = notice_hang(dir, content, &holder, err, sizeof err);
    }
    if (rc == -1)
        ctl_error(ctl, "conflict",
                  "posternctl up runs this configuration already (pid %ld); end it first", holder);
    else if (rc != 0)
        ctl_error(ctl, "failed", "%s", err);
    json_decref(content);
    return rc;
}

/* The directory that posternctl itself lies in. */
static void s_binaries(char *dir, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", dir, size - 1);
    dir[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
}

/* Hands a process to the supervisor; -1 when its binary is not there. */
static int s_add(up_t *self, const station_t *station, const char *dir)
{
    char path[PATH_MAX + 64], index[16];
    const char *argv[160] = {path, "-i", index, "-c", ctl_conf_path(self->ctl)};
    unsigned n = 5;
    snprintf(path, sizeof path, "%s/postern-%s", dir, station->section);
    if (station->index >= CONF_ANY)
        snprintf(index, sizeof index, "any%u", station->index - CONF_ANY);
    else
        snprintf(index, sizeof index, "%u", station->index);
    if (access(path, X_OK) != 0) {
        ctl_error(self->ctl, "failed", "cannot start %s: %s", path, strerror(errno));
        return -1;
    }
    for (unsigned i = 0; ctl_override(self->ctl, i); i++) {
        argv[n++] = "-s";
        argv[n++] = ctl_override(self->ctl, i);
    }
    bool gateway = strcmp(station->section, "gateway") == 0;
    supervise_add(self->supervise, station->name, !gateway, gateway, station->monitor, argv);
    return 0;
}

static json_t *s_processes(const up_t *self)
{
    json_t *rows = json_array();
    for (unsigned i = 0; i < fleet_len(self->fleet); i++) {
        const station_t *station = fleet_at(self->fleet, i);
        char monitor[320];
        snprintf(monitor, sizeof monitor, "http://%s", station->monitor);
        json_array_append_new(rows, json_pack("{s:s, s:i, s:s, s:s}", "process", station->name,
                                              "pid", (int)supervise_pid(self->supervise, i),
                                              "serves", station->serves, "monitor", monitor));
    }
    return rows;
}

static void s_print(const up_t *self)
{
    const char *url = conf_text(ctl_conf_plain(self->ctl), SET_public_url);
    json_t *rows = s_processes(self);
    if (ctl_json(self->ctl)) {
        json_t *all = json_pack("{s:s, s:O}", "url", url, "processes", rows);
        table_json(all);
        json_decref(all);
    } else {
        table_rows(rows, "process pid serves monitor");
        printf("\nPostern is up at %s. End it with Ctrl-C.\n", url);
    }
    fflush(stdout);
    json_decref(rows);
}

static void s_say_ready(up_t *self)
{
    if (self->ready_fd >= 0) {
        if (write(self->ready_fd, "1", 1) != 1)
            log_warn("up.ready_fd", "err=%s", LOG_Q(strerror(errno)));
        close(self->ready_fd);
        self->ready_fd = -1;
    }
    life_ready();
}

/* The demo data are made by a process of their own: ZeroMQ's threads and a supervisor that forks do
 * not go together. */
static pid_t s_on_ready(void *arg)
{
    up_t *self = arg;
    s_print(self);
    if (!ctl_option(self->ctl, "--demo")) {
        s_say_ready(self);
        return 0;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        supervise_child(parent);
        int status = demo_run(self->ctl);
        ctl_destroy(&self->ctl); /* says goodbye to authd */
        fflush(stdout);
        _exit(status);
    }
    if (pid < 0)
        log_fatal(EXIT_FAULT, "up.demo", "err=%s", LOG_Q(strerror(errno)));
    return pid;
}

static int s_on_task(void *arg, int status)
{
    up_t *self = arg;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        log_error("up.demo", "reason=\"the demo data could not be made\"");
        return -1;
    }
    s_say_ready(self);
    return 0;
}

/* The processes that WANTED means; false when there are none. */
static bool s_choose(const up_t *self, const char *wanted, bool *chosen)
{
    bool any = false;
    for (unsigned i = 0; i < fleet_len(self->fleet); i++) {
        const station_t *station = fleet_at(self->fleet, i);
        chosen[i] = strcmp(wanted, "all") == 0 || strcmp(wanted, station->section) == 0 ||
                    strcmp(wanted, station->name) == 0;
        any = any || chosen[i];
    }
    return any;
}

static void s_refuse(int caller, const char *code, const char *message)
{
    doorbell_say(caller, json_pack("{s:s, s:o}", "code", code, "message", table_string(message)));
    close(caller);
}

static void s_on_bell(void *arg)
{
    up_t *self = arg;
    char wanted[64], message[256];
    bool *chosen = calloc(fleet_len(self->fleet), sizeof *chosen);
    assert(chosen);
    int caller = doorbell_answer(self->bell, wanted, sizeof wanted);
    snprintf(message, sizeof message,
             "there is no process or kind \"%s\" here: name one of the table that posternctl up "
             "printed, as gateway-0, or a kind, as channel, or all",
             caller < 0 ? "" : wanted);
    if (caller >= 0 && !s_choose(self, wanted, chosen))
        s_refuse(caller, "unknown_process", message);
    else if (caller >= 0 && supervise_roll(self->supervise, chosen) != 0)
        s_refuse(caller, "conflict",
                 self->caller >= 0 ? "another restart is under way; try again when it is done"
                                   : "not all processes have become ready yet; try again then");
    else if (caller >= 0)
        self->caller = caller;
    free(chosen);
}

static void s_on_rolled(void *arg, const char *name, pid_t pid, int64_t ms, const char *error)
{
    up_t *self = arg;
    char message[256];
    if (name && error) {
        snprintf(message, sizeof message, "%s: %s", name, error);
        s_refuse(self->caller, "failed", message);
        self->caller = -1;
    } else if (name) {
        doorbell_say(self->caller, json_pack("{s:s, s:i, s:I}", "process", name, "pid", (int)pid,
                                             "ms", (json_int_t)ms));
    } else if (self->caller >= 0 && error) {
        s_refuse(self->caller, "failed", error);
        self->caller = -1;
    } else if (self->caller >= 0) {
        doorbell_say(self->caller, json_pack("{s:b}", "done", 1));
        close(self->caller);
        self->caller = -1;
    }
}

/* Root has said nothing about users: each kind gets its own, or root stays in the place of all. */
static int s_settle_users(ctl_t *ctl, const conf_t *conf)
{
    char err[PATH_ERROR];
    const char *user = conf_text(conf, SET_process_user);
    setting_t lacking = kinds_lacking(conf);
    if (geteuid() != 0)
        return 0;
    if (kinds_check_root(conf, err, sizeof err) != 0) {
        ctl_error(ctl, "failed", "%s", err);
        return -1;
    }
    if (!kinds_apart(conf)) {
        const setting_row_t *row =
            &setting_table[lacking == SETTING_COUNT ? SET_process_user : lacking];
        log_info("up.users", "user=%s setting=%s.%s hint=%s", LOG_Q(*user ? user : "root"),
                 row->section, row->key,
                 LOG_Q(*user ? "one user for all processes, as process.user says"
                             : "one user for all processes: the one of that setting is not there"));
        return 0;
    }
    if (prepare_shared(conf, 0, err, sizeof err) == 0)
        return 0;
    ctl_error(ctl, "failed", "%s", err);
    return -1;
}

/* A share of the channels' shards, and their spares, need journals that all hosts reach. */
static int s_check_part(ctl_t *ctl, const fleet_part_t *part)
{
    if (part->hosts < 2 ||
        strcmp(conf_text(ctl_conf_plain(ctl), SET_worker_engine), "postgres") == 0)
        return 0;
    ctl_error(
        ctl, "failed",
        "--hosts needs worker.engine = postgres: journals on one host's disk are served there "
        "alone, by posternctl up without it");
    return -1;
}

/* The socket of all gateways. */
static int s_listen(const conf_t *conf)
{
    char address[300];
    conf_address(conf, SET_gateway_listen, 0, address, sizeof address);
    char installation[CONF_INSTALLATION];
    conf_installation(conf, installation);
    return listening_bind(address, sizeof address, installation);
}

static int s_run(up_t *self, int listener)
{
    char dir[PATH_MAX];
    const conf_t *conf = ctl_conf_plain(self->ctl);
    supervise_calls_t calls = {.ready = s_on_ready,
                               .task = s_on_task,
                               .fd = self->bell,
                               .readable = s_on_bell,
                               .rolled = s_on_rolled,
                               .arg = self};
    self->supervise = supervise_new((unsigned)conf_uint(conf, SET_process_drain_ms), &calls);
    supervise_pass(self->supervise, listener);
    s_binaries(dir, sizeof dir);
    int rc = 0;
    for (unsigned i = 0; i < fleet_len(self->fleet) && rc == 0; i++)
        rc = s_add(self, fleet_at(self->fleet, i), dir);
    int status = rc == 0 ? supervise_run(self->supervise) : CTL_REFUSED;
    supervise_destroy(&self->supervise);
    return status;
}

static int s_serve(up_t *self, const conf_t *conf, int listener)
{
    self->bell = doorbell_hang(conf_text(conf, SET_data_sockets));
    if (self->bell < 0) {
        ctl_error(self->ctl, "failed", "cannot listen in %s: %s", conf_text(conf, SET_data_sockets),
                  strerror(errno));
        return CTL_REFUSED;
    }
    int status = s_run(self, listener >= 0 ? listener : s_listen(conf));
    close(self->bell);
    return status;
}

int up_run(ctl_t *ctl)
{
    up_t self = {.ctl = ctl, .ready_fd = -1, .bell = -1, .caller = -1};
    char err[512], address[300];
    if (ctl_option(ctl, "--ready-fd"))
        self.ready_fd = (int)ctl_number(ctl, "--ready-fd", 0, 1, 1 << 20);
    if (self.ready_fd >= 0 && fcntl(self.ready_fd, F_SETFD, FD_CLOEXEC) != 0) {
        fprintf(stderr, "posternctl: --ready-fd %d: %s\n", self.ready_fd, strerror(errno));
        return CTL_USAGE;
    }
    fleet_part_t part;
    part_read(ctl, false, &part);
    unsigned port = (unsigned)ctl_number(ctl, "--port", 0, 1, 65000);
    if (port)
        s_lay_ports(ctl, port, &part);
    const conf_t *conf = ctl_conf_plain(ctl);
    log_open("posternctl", (log_level_t)log_level_of(conf_text(conf, SET_log_level)));
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* nor has any of its processes use for them */
    if (conf_check_files(conf, NULL, err, sizeof err) != 0) {
        ctl_error(ctl, "failed", "%s: %s", ctl_conf_path(ctl), err);
        return CTL_CONFIG;
    }
    if (s_check_part(ctl, &part) != 0 || s_settle_users(ctl, conf) != 0)
        return CTL_CONFIG;
    if (s_hang_notice(ctl, part.gateways) != 0)
        return CTL_REFUSED;
    self.fleet = fleet_new(conf, &part);
    int status = CTL_REFUSED;
    int passed = listening_passed(address, sizeof address); /* a .socket unit's */
    if (addresses_check(self.fleet, conf, passed < 0, port != 0, err, sizeof err) != 0)
        ctl_error(ctl, "conflict", "%s", err);
    else
        status = s_serve(&self, conf, passed);
    fleet_destroy(&self.fleet);
    return status;
}
