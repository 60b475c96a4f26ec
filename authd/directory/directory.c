#include "authd/directory/directory.h"

#include "authd/directory/copy.h"
#include "authd/directory/damage.h"
#include "authd/directory/extensions.h"
#include "authd/directory/places.h"
#include "authd/directory/schema.h"
#include "authd/directory/view.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "common/store/known.h"
#include "common/store/row.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The row of meta: the number of the last commit that changed more than usage. It has no checksum:
 * an authd of schema 2 that reads beside the writer knows it as it is, and a wrong one only makes
 * views forget where rows lie. */
static const char s_version[] = "version";

/* Row of meta: the version that the indexes were last true of. */
static const char s_indexed[] = "indexed";

/* Row of meta: the mark of a copy. One that is wrong is none of the others', and is filled anew. */
static const char s_mark[] = "mark";
enum { MARK = 8 + UUID_BYTES };

/* Row of facts: the UUID of the directory, drawn by the first who knows of it; and its name in
 * data.known. */
static const char s_id[] = "id", s_store[] = "directory";

static const char s_gone[] = "data.mdb was moved or removed, or its disk is not mounted any more: "
                             "nothing is changed until it "
                             "is back in its place";

/* A reader has no use for the indexes. */
static int s_open_tables(directory_t *self, bool read_only, char *err, size_t err_size)
{
    for (unsigned i = 0; i < (read_only ? TABLE_INDEXES : TABLE_COUNT); i++) {
        self->salts[i] = row_salt(table_names[i]);
        if (store_table(self->store, table_names[i], &self->tables[i], err, err_size) != 0)
            return -1;
    }
    return store_table(self->store, "meta", &self->meta, err, err_size);
}

/* A word that only the right key opens, so that a wrong one is told at the start and not by the
 * first appkey that nobody can read. */
static const char s_word[] = "postern";

static bool s_is_key(const directory_t *self, slice_t sealed)
{
    char plain[sizeof s_word];
    return sealed.len == sizeof plain + SEALING_OVERHEAD &&
           sealing_key_open(self->key, sealed, plain) == 0 &&
           memcmp(plain, s_word, sizeof plain) == 0;
}

static void s_put_word(directory_t *self, view_t *view)
{
    uint8_t sealed[sizeof s_word + SEALING_OVERHEAD];
    sealing_key_seal(self->key, slice(s_word, sizeof s_word), sealed);
    table_put(view, TABLE_facts, slice_of("key"), slice(sealed, sizeof sealed));
}

static int s_say_outcome(const directory_options_t *options, view_outcome_t outcome, char *err,
                         size_t err_size)
{
    if (outcome == VIEW_FULL)
        snprintf(err, err_size, "%s: no room: free some on its disk, or raise authd.map_bytes",
                 options->path);
    if (outcome == VIEW_DAMAGED)
        snprintf(err, err_size,
                 "%s/data.mdb: is damaged: look at the disk, then restore the directory from a "
                 "backup",
                 options->path);
    return outcome == VIEW_DONE ? 0 : -1;
}

bool copy_has_key(view_t *view)
{
    slice_t sealed;
    return table_get(view, TABLE_facts, slice_of("key"), &sealed) &&
           s_is_key(view->directory, sealed);
}

static int s_check_key(directory_t *self, const directory_options_t *options, char *err,
                       size_t err_size)
{
    slice_t sealed;
    view_t *view = view_new(self);
    view_renew(view);
    bool found = table_get(view, TABLE_facts, slice_of("key"), &sealed);
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
    return s_say_outcome(options, view_commit(&view), err, err_size);
}

typedef struct {
    const view_t *view;
    const char *row;
    uint64_t version;
} version_t;

static int s_get_version(void *arg)
{
    version_t *self = arg;
    MDB_val key = {strlen(self->row), (void *)self->row}, value;
    int rc = mdb_get(self->view->txn, self->view->directory->meta, &key, &value);
    if (rc == 0 && value.mv_size == sizeof self->version)
        memcpy(&self->version, value.mv_data, sizeof self->version);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* 0: there is no such row. One that cannot be read is a new one each time. */
static uint64_t s_read_version(view_t *self, const char *row)
{
    version_t is = {self, row, 0};
    if (store_try(s_get_version, &is) == 0)
        return le64toh(is.version);
    return ++self->unread;
}

/* A change keeps the indexes as true as they were. */
static int s_put_version(view_t *self)
{
    const char *const rows[] = {s_version, s_indexed};
    uint64_t version = htole64(mdb_txn_id(self->txn));
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < (self->directory->indexed ? 2 : 1); i++) {
        MDB_val key = {strlen(rows[i]), (void *)rows[i]}, value = {sizeof version, &version};
        rc = mdb_put(self->txn, self->directory->meta, &key, &value, 0);
    }
    return rc;
}

static bool s_get_id(directory_t *self, uuid_t7 *id)
{
    slice_t bytes;
    view_t *view = view_new(self);
    view_renew(view);
    bool found = table_get(view, TABLE_facts, slice_of(s_id), &bytes) && bytes.len == UUID_BYTES;
    if (found)
        memcpy(id->bytes, bytes.data, UUID_BYTES);
    view_destroy(&view);
    return found;
}

static view_outcome_t s_make_id(directory_t *self, uuid_t7 *id)
{
    view_t *view = view_begin(self);
    uuid_new(id);
    table_put(view, TABLE_facts, slice_of(s_id), slice(id->bytes, UUID_BYTES));
    return view_commit(&view);
}

uuid_t7 directory_id(directory_t *self)
{
    uuid_t7 id;
    if (!s_get_id(self, &id) && s_make_id(self, &id) != VIEW_DONE)
        store_fail(self->store, "id", 0);
    return id;
}

/* Which directory it is, and that it is the one that this host has. */
static int s_note(directory_t *self, const directory_options_t *options, char *err, size_t err_size)
{
    uuid_t7 id;
    if (!options->known || options->read_only)
        return 0;
    view_outcome_t made = s_get_id(self, &id) ? VIEW_DONE : s_make_id(self, &id);
    if (made != VIEW_DONE)
        return s_say_outcome(options, made, err, err_size);
    return known_note(options->known, s_store, options->path, &id, err, err_size);
}

static bool s_exists(const char *path)
{
    char file[4200];
    snprintf(file, sizeof file, "%s/data.mdb", path);
    return access(file, F_OK) == 0;
}

/* Makes the indexes anew where they are not true: a version of the program that knows nothing of
 * them wrote what was migrated. */
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
    return s_say_outcome(options, view_commit(&view), err, err_size);
}

/* The master key, under which appkeys, handlers' secrets and second factors are kept: without its
 * file they are lost. Only a directory that begins makes one. */
static sealing_key_t *s_load_key(const char *path, bool fresh, char *err, size_t err_size)
{
    const sealing_key_file_t file = {
        .name = "master key",
        .made = "master_key.made",
        .malformed = "holds neither 32 bytes nor 64 hex digits",
        .missing = fresh ? NULL : "missing: restore the one that belongs to this directory",
        .raw = true};
    return sealing_key_load(&file, path, NULL, err, err_size);
}

directory_t *directory_open(const directory_options_t *options, char *err, size_t err_size)
{
    bool fresh = !options->read_only && !s_exists(options->path);
    directory_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    store_options_t store = {.path = options->path,
                             .kind = "directory",
                             .schema = SCHEMA_DIRECTORY,
                             .tables = TABLE_COUNT + 1,
                             .map_bytes = options->map_bytes,
                             .setting = "authd.map_bytes",
                             .migrate = schema_migrate,
                             .read_only = options->read_only};
    bool lost = fresh && options->known &&
                known_check(options->known, s_store, options->path, err, err_size) != 0;
    if (!lost)
        self->key = s_load_key(options->key_path, fresh, err, err_size);
    if (self->key)
        self->store = store_open(&store, err, err_size);
    if (!self->store || s_open_tables(self, options->read_only, err, err_size) != 0 ||
        schema_verify(self, err, err_size) != 0 || s_check_key(self, options, err, err_size) != 0 ||
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
    sealing_key_destroy(&self->key);
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

static int s_get_mark(void *arg)
{
    const view_t *view = ((void **)arg)[0];
    MDB_val key = {sizeof s_mark - 1, (void *)s_mark}, value;
    int rc = mdb_get(view->txn, view->directory->meta, &key, &value);
    if (rc == 0 && value.mv_size != MARK)
        rc = MDB_NOTFOUND;
    if (rc == 0)
        memcpy(((void **)arg)[1], value.mv_data, MARK);
    return rc;
}

bool copy_read_mark(view_t *view, copy_mark_t *mark)
{
    uint8_t bytes[MARK];
    uint64_t number;
    if (store_try(s_get_mark, (void *[]){view, bytes}) != 0)
        return false;
    memcpy(&number, bytes, sizeof number);
    mark->number = be64toh(number);
    memcpy(mark->change.bytes, bytes + sizeof number, UUID_BYTES);
    return true;
}

void copy_put_mark(view_t *view, const copy_mark_t *mark)
{
    assert(view->magic == VIEW_MAGIC && view->writing);
    view->mark = *mark;
}

static int s_put_mark(view_t *self)
{
    uint8_t bytes[MARK];
    uint64_t number = htobe64(self->mark.number);
    MDB_val key = {sizeof s_mark - 1, (void *)s_mark}, value = {MARK, bytes};
    memcpy(bytes, &number, sizeof number);
    memcpy(bytes + sizeof number, self->mark.change.bytes, UUID_BYTES);
    return mdb_put(self->txn, self->directory->meta, &key, &value, 0);
}

void directory_share(directory_t *self, const sharing_t *sharing)
{
    self->sharing = sharing;
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
    pack_wipe(&self->record);
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
    self->damaged = false;
    if (self->rows)
        rows_renew(self->rows, s_read_version(self, s_version));
}

bool view_take_damage(view_t *self)
{
    assert(self->magic == VIEW_MAGIC && self->live);
    bool damaged = self->damaged;
    if (damaged)
        view_renew(self);
    return damaged;
}

void view_tolerate(view_t *self, bool tolerates)
{
    assert(self->magic == VIEW_MAGIC);
    self->tolerates = tolerates;
}

bool view_is_damaged(const view_t *self)
{
    assert(self->magic == VIEW_MAGIC);
    return self->damaged;
}

void view_release(view_t *self)
{
    assert(self->magic == VIEW_MAGIC && !self->writing);
    if (self->live)
        mdb_txn_reset(self->txn);
    self->live = false;
}

bool view_is_away(const view_t *self)
{
    assert(self->magic == VIEW_MAGIC);
    return self->away;
}

view_t *view_begin(directory_t *directory)
{
    const sharing_t *sharing = directory->sharing;
    copy_mark_t mark;
    bool away = sharing && sharing->begin(sharing->arg, &mark) != VIEW_DONE;
    view_t *self = view_begin_own(directory);
    self->away = away;
    if (sharing && !away) {
        self->redo = redo_new();
        self->mark = mark;
    }
    return self;
}

view_t *view_begin_own(directory_t *directory)
{
    view_t *self = s_view(directory, true);
    store_guard_write(true);
    int rc = mdb_txn_begin(store_env(directory->store), NULL, 0, &self->txn);
    if (rc != 0)
        store_fail(directory->store, "begin a writing transaction", rc);
    return self;
}

static void s_end(view_t **self_p)
{
    store_guard_write(false);
    pack_wipe(&(*self_p)->record);
    redo_destroy(&(*self_p)->redo);
    (*self_p)->magic = 0;
    free(*self_p);
    *self_p = NULL;
}

static int s_put_sums(view_t *self)
{
    int rc = self->changed ? s_put_version(self) : 0;
    if (rc == 0 && self->mark.number)
        rc = s_put_mark(self);
    if (rc == 0 && self->summed)
        rc = digest_write(self->txn, store_meta(self->directory->store), &self->digest);
    self->damaged = damage_is(rc);
    if (rc != 0 && !self->damaged && store_failure(rc) != STORE_FULL)
        store_fail(self->directory->store, "version", rc);
    return rc;
}

const char *view_outcome_text(view_outcome_t outcome)
{
    return outcome == VIEW_FULL      ? "no room in the directory"
           : outcome == VIEW_DAMAGED ? "a part of the directory is damaged"
           : outcome == VIEW_AWAY    ? "the database of the directory cannot be reached"
           : outcome == VIEW_STALE   ? "the directory is another copy"
                                     : "";
}

/* A change that is the others' already is made here, too, or this process ends: it would answer
 * by what it was before. */
static void s_must(view_t *self, bool shared, store_commit_t outcome)
{
    if (outcome == STORE_UNKNOWN || (shared && outcome != STORE_OK))
        store_fail(self->directory->store, "commit", 0);
}

/* Makes the change the other copies'. One that changes no row of theirs is this one's alone. */
static view_outcome_t s_share(view_t *self, bool *shared)
{
    const sharing_t *sharing = self->directory->sharing;
    *shared = self->redo && !redo_is_empty(self->redo);
    if (!*shared)
        return VIEW_DONE;
    redo_settle(self->redo);
    view_outcome_t went = sharing->share(sharing->arg, redo_bytes(self->redo));
    *shared = went == VIEW_DONE;
    return went;
}

static view_outcome_t s_commit(view_t *self)
{
    bool shared = false;
    view_outcome_t went = self->away ? VIEW_AWAY : VIEW_DONE;
    if (self->redo && redo_is_empty(self->redo))
        self->mark.number = 0;
    if (went == VIEW_DONE && (self->full || self->damaged || s_put_sums(self) != 0 ||
                              !directory_is_there(self->directory)))
        went = self->damaged ? VIEW_DAMAGED : VIEW_FULL;
    if (went == VIEW_DONE)
        went = s_share(self, &shared);
    if (went != VIEW_DONE) {
        mdb_txn_abort(self->txn);
        return went;
    }
    store_commit_t outcome = store_commit(self->directory->store, self->txn);
    s_must(self, shared, outcome);
    return outcome == STORE_OK ? VIEW_DONE : VIEW_FULL;
}

/* Others may change again. */
static void s_drop(const view_t *self)
{
    const sharing_t *sharing = self->directory->sharing;
    if (self->redo)
        sharing->drop(sharing->arg);
}

view_outcome_t view_commit(view_t **self_p)
{
    view_t *self = *self_p;
    assert(self->magic == VIEW_MAGIC && self->writing);
    view_outcome_t went = s_commit(self);
    s_drop(self);
    s_end(self_p);
    return went;
}

void view_abort(view_t **self_p)
{
    assert((*self_p)->magic == VIEW_MAGIC && (*self_p)->writing);
    mdb_txn_abort((*self_p)->txn);
    s_drop(*self_p);
    s_end(self_p);
}
