#include "authd/directory/directory.h"

#include "authd/directory/extensions.h"
#include "authd/directory/places.h"
#include "authd/directory/view.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "common/store/known.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 2: a token's record may hold terms, which an older version would not obey; and whoever writes
 * raises the version, which readers go by. */
enum { SCHEMA = 2 };

/* Row of meta: the number of the last commit that changed more than usage. */
static const char s_version[] = "version";

/* Row of meta: the version that the indexes were last true of. A version of the program that knows
 * nothing of them does not raise it. */
static const char s_indexed[] = "indexed";

/* Row of meta: the UUID of the directory, drawn by the first who knows of it; and its name in
 * data.known. */
static const char s_id[] = "id", s_store[] = "directory";

static const char s_gone[] = "data.mdb was moved or removed, or its disk is not mounted any more: "
                             "nothing is changed until it "
                             "is back in its place";

/* A reader may be of a newer version than the writer, and has no use for the indexes. */
static int s_open_tables(directory_t *self, bool read_only, char *err, size_t err_size)
{
    for (unsigned i = 0; i < (read_only ? TABLE_INDEXES : TABLE_COUNT); i++)
        if (store_table(self->store, table_names[i], &self->tables[i], err, err_size) != 0)
            return -1;
    return 0;
}

/* A word that only the right key opens, so that a wrong one is told at the start and not by the
 * first appkey that nobody can read. */
static const char s_word[] = "postern";

static bool s_is_key(const directory_t *self, slice_t sealed)
{
    char plain[sizeof s_word];
    return sealed.len == sizeof plain + MASTER_KEY_OVERHEAD &&
           master_key_open(self->key, sealed, plain) == 0 &&
           memcmp(plain, s_word, sizeof plain) == 0;
}

static void s_put_word(directory_t *self, view_t *view)
{
    uint8_t sealed[sizeof s_word + MASTER_KEY_OVERHEAD];
    master_key_seal(self->key, slice(s_word, sizeof s_word), sealed);
    table_put(view, TABLE_meta, slice_of("key"), slice(sealed, sizeof sealed));
}

static int s_say_full(const directory_options_t *options, char *err, size_t err_size)
{
    snprintf(err, err_size, "%s: no room: free some on its disk, or raise authd.map_bytes",
             options->path);
    return -1;
}

static int s_check_key(directory_t *self, const directory_options_t *options, char *err,
                       size_t err_size)
{
    slice_t sealed;
    view_t *view = view_new(self);
    view_renew(view);
    bool found = table_get(view, TABLE_meta, slice_of("key"), &sealed);
    bool right = !found || s_is_key(self, sealed);
    view_destroy(&view);
    if (!right) {
        snprintf(err, err_size,
                 "master key %s: is not the key of %s: put back the one that it was made with",
                 options->key_path, options->path);
        return -1;
    }
    if (found || options->read_only)
        return 0;
    view = view_begin(self);
    s_put_word(self, view);
    return view_commit(&view) == 0 ? 0 : s_say_full(options, err, err_size);
}

/* 0: there is no such row. */
static uint64_t s_read_version(view_t *self, const char *row)
{
    uint64_t version = 0;
    MDB_val key = {strlen(row), (void *)row}, value;
    int rc = mdb_get(self->txn, self->directory->tables[TABLE_meta], &key, &value);
    if (rc == 0 && value.mv_size == sizeof version)
        memcpy(&version, value.mv_data, sizeof version);
    else if (rc != MDB_NOTFOUND)
        store_fail(self->directory->store, "version", rc ? rc : MDB_CORRUPTED);
    return le64toh(version);
}

/* A change keeps the indexes as true as they were. */
static int s_put_version(view_t *self)
{
    const char *const rows[] = {s_version, s_indexed};
    uint64_t version = htole64(mdb_txn_id(self->txn));
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < (self->directory->indexed ? 2 : 1); i++) {
        MDB_val key = {strlen(rows[i]), (void *)rows[i]}, value = {sizeof version, &version};
        rc = mdb_put(self->txn, self->directory->tables[TABLE_meta], &key, &value, 0);
    }
    return rc;
}

static bool s_get_id(directory_t *self, uuid_t7 *id)
{
    slice_t bytes;
    view_t *view = view_new(self);
    view_renew(view);
    bool found = table_get(view, TABLE_meta, slice_of(s_id), &bytes) && bytes.len == UUID_BYTES;
    if (found)
        memcpy(id->bytes, bytes.data, UUID_BYTES);
    view_destroy(&view);
    return found;
}

static int s_make_id(directory_t *self, uuid_t7 *id)
{
    view_t *view = view_begin(self);
    uuid_new(id);
    table_put(view, TABLE_meta, slice_of(s_id), slice(id->bytes, UUID_BYTES));
    return view_commit(&view);
}

/* Which directory it is, and that it is the one that this host has. */
static int s_note(directory_t *self, const directory_options_t *options, char *err, size_t err_size)
{
    uuid_t7 id;
    if (!options->known || options->read_only)
        return 0;
    if (!s_get_id(self, &id) && s_make_id(self, &id) != 0)
        return s_say_full(options, err, err_size);
    return known_note(options->known, s_store, options->path, &id, err, err_size);
}

static bool s_exists(const char *path)
{
    char file[4200];
    snprintf(file, sizeof file, "%s/data.mdb", path);
    return access(file, F_OK) == 0;
}

/* Makes the indexes anew where they are not true: what wrote last did not keep them. */
static int s_index(directory_t *self, const directory_options_t *options, char *err,
                   size_t err_size)
{
    view_t *view = view_new(self);
    view_renew(view);
    uint64_t version = s_read_version(view, s_version);
    bool right = version && s_read_version(view, s_indexed) == version;
    view_destroy(&view);
    self->indexed = true;
    if (right || options->read_only)
        return 0;
    view = view_begin(self);
    places_index(view, PLACE_CHANNEL);
    places_index(view, PLACE_BOT);
    extensions_index(view);
    return view_commit(&view) == 0 ? 0 : s_say_full(options, err, err_size);
}

/* What an older version wrote is read as it is. */
static int s_migrate(MDB_txn *txn, unsigned from, void *arg)
{
    (void)txn, (void)arg;
    return from == 1 ? 0 : MDB_VERSION_MISMATCH;
}

directory_t *directory_open(const directory_options_t *options, char *err, size_t err_size)
{
    bool fresh = !options->read_only && !s_exists(options->path);
    directory_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    store_options_t store = {.path = options->path,
                             .kind = "directory",
                             .schema = SCHEMA,
                             .tables = TABLE_COUNT,
                             .map_bytes = options->map_bytes,
                             .setting = "authd.map_bytes",
                             .migrate = s_migrate,
                             .read_only = options->read_only};
    bool lost = fresh && options->known &&
                known_check(options->known, s_store, options->path, err, err_size) != 0;
    if (!lost)
        self->key = master_key_load(options->key_path, fresh, err, err_size);
    if (self->key)
        self->store = store_open(&store, err, err_size);
    if (!self->store || s_open_tables(self, options->read_only, err, err_size) != 0 ||
        s_check_key(self, options, err, err_size) != 0 ||
        s_index(self, options, err, err_size) != 0 || s_note(self, options, err, err_size) != 0)
        directory_close(&self);
    return self;
}

void directory_close(directory_t **self_p)
{
    directory_t *self = *self_p;
    if (!self)
        return;
    store_close(&self->store);
    master_key_destroy(&self->key);
    free(self);
    *self_p = NULL;
}

void directory_inspect(directory_t *self)
{
    store_state_t state;
    store_inspect(self->store, &state);
    metric_set(METRIC_journal_used_bytes, (int64_t)state.used_bytes);
    metric_set(METRIC_journal_map_bytes, (int64_t)state.map_bytes);
    metric_set(METRIC_disk_free_bytes, (int64_t)state.disk_free_bytes);
    metric_set(METRIC_reader_lag, (int64_t)state.reader_lag);
}

bool directory_is_there(const directory_t *self)
{
    return !atomic_load(&self->gone);
}

static void s_look_for_file(directory_t *self)
{
    bool gone = !store_is_there(self->store);
    if (gone == atomic_exchange(&self->gone, gone))
        return;
    if (gone)
        log_error("directory.gone", "path=%s err=%s", LOG_Q(store_path(self->store)),
                  LOG_Q(s_gone));
    else
        log_info("directory.back", "path=%s", LOG_Q(store_path(self->store)));
}

/* A file that is not there has no room either: that is told apart by directory_is_there. */
bool directory_has_room(directory_t *self)
{
    bool room = store_has_room(self->store);
    if (!room)
        s_look_for_file(self);
    return room;
}

void directory_check_room(directory_t *self)
{
    s_look_for_file(self);
    if (!directory_is_there(self)) {
        monitor_check("directory", CHECK_FAILED, s_gone);
        return;
    }
    bool room = store_has_room(self->store);
    monitor_check("directory", room ? CHECK_OK : CHECK_DEGRADED,
                  room ? "open"
                       : "no room for new objects: free disk space or raise "
                         "authd.map_bytes");
}

static view_t *s_view(directory_t *directory, bool writing)
{
    view_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (view_t){.magic = VIEW_MAGIC, .directory = directory, .writing = writing};
    return self;
}

view_t *view_new(directory_t *directory)
{
    view_t *self = s_view(directory, false);
    int rc = mdb_txn_begin(store_env(directory->store), NULL, MDB_RDONLY, &self->txn);
    if (rc != 0)
        store_fail(directory->store, "begin a reading transaction", rc);
    mdb_txn_reset(self->txn);
    return self;
}

void view_destroy(view_t **self_p)
{
    view_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == VIEW_MAGIC && !self->writing);
    mdb_txn_abort(self->txn);
    rows_destroy(&self->rows);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

void view_remember(view_t *self)
{
    assert(self->magic == VIEW_MAGIC && !self->writing && !self->live && !self->rows);
    self->rows = rows_new();
}

void view_renew(view_t *self)
{
    assert(self->magic == VIEW_MAGIC && !self->writing);
    view_release(self);
    int rc = mdb_txn_renew(self->txn);
    if (rc != 0)
        store_fail(self->directory->store, "renew a reading transaction", rc);
    self->live = true;
    if (self->rows)
        rows_renew(self->rows, s_read_version(self, s_version));
}

void view_release(view_t *self)
{
    assert(self->magic == VIEW_MAGIC && !self->writing);
    if (self->live)
        mdb_txn_reset(self->txn);
    self->live = false;
}

view_t *view_begin(directory_t *directory)
{
    view_t *self = s_view(directory, true);
    int rc = mdb_txn_begin(store_env(directory->store), NULL, 0, &self->txn);
    if (rc != 0)
        store_fail(directory->store, "begin a writing transaction", rc);
    return self;
}

static void s_end(view_t **self_p)
{
    pack_wipe(&(*self_p)->record);
    (*self_p)->magic = 0;
    free(*self_p);
    *self_p = NULL;
}

int view_commit(view_t **self_p)
{
    view_t *self = *self_p;
    assert(self->magic == VIEW_MAGIC && self->writing);
    store_commit_t outcome = STORE_FULL;
    int rc = self->changed && !self->full ? s_put_version(self) : 0;
    if (rc != 0 && store_failure(rc) != STORE_FULL)
        store_fail(self->directory->store, "version", rc);
    if (self->full || rc != 0 || !directory_is_there(self->directory))
        mdb_txn_abort(self->txn);
    else
        outcome = store_commit(self->directory->store, self->txn);
    if (outcome == STORE_UNKNOWN)
        store_fail(self->directory->store, "commit", 0);
    s_end(self_p);
    return outcome == STORE_OK ? 0 : -1;
}

void view_abort(view_t **self_p)
{
    assert((*self_p)->magic == VIEW_MAGIC && (*self_p)->writing);
    mdb_txn_abort((*self_p)->txn);
    s_end(self_p);
}
