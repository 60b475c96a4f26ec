#include "workers/store/manifest.h"

#include "common/base/clock.h"
#include "workers/journal/tools.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *manifest_text(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    return text ? text : "";
}

static json_int_t s_number(const json_t *entry, const char *key)
{
    return json_integer_value(json_object_get(entry, key));
}

json_int_t manifest_rows(const json_t *entry)
{
    bool journal = strcmp(manifest_text(entry, "kind"), "journal") == 0;
    const json_t *tables = json_object_get(entry, "tables");
    return s_number(json_object_get(tables, journal ? "log" : "tokens"), "rows");
}

void manifest_key(char path[KEEPER_PATH], const char *from, const char *kind)
{
    snprintf(path, KEEPER_PATH, "%s/%s.key", from, kind);
}

json_t *manifest_new(const keeper_t *keeper)
{
    char time[32];
    int64_t now_ms = clock_wall_ms();
    keeper_time(now_ms, false, time);
    json_t *shards = json_object();
    for (unsigned i = 0; i < KEEPER_KINDS; i++)
        json_object_set_new(
            shards, keeper_kinds[i].name,
            json_integer((json_int_t)conf_uint(keeper->conf, keeper_kinds[i].shards)));
    return json_pack("{s:i, s:s, s:s, s:b, s:o, s:[]}", "format", MANIFEST_FORMAT, "postern",
                     POSTERN_VERSION, "begun", time, "master_key", keeper->with_key, "shards",
                     shards, "stores");
}

static json_t *s_tables(const store_sum_t *sum)
{
    json_t *tables = json_object();
    for (unsigned i = 0; i < sum->tables_len; i++) {
        char text[2 * STORE_SUM + 1];
        sodium_bin2hex(text, sizeof text, sum->tables[i].sum, STORE_SUM);
        json_object_set_new(
            tables, sum->tables[i].name,
            json_pack("{s:I, s:s}", "rows", (json_int_t)sum->tables[i].rows, "checksum", text));
    }
    return tables;
}

static void s_unlock(const char *path)
{
    char file[KEEPER_PATH + 16];
    snprintf(file, sizeof file, "%s/lock.mdb", path);
    unlink(file);
}

unsigned manifest_schema(const json_t *entry)
{
    return (unsigned)s_number(entry, "schema");
}

bool manifest_is_older(const json_t *entry)
{
    return strcmp(manifest_text(entry, "kind"), "journal") == 0 &&
           journal_is_older(manifest_schema(entry));
}

/* Opens the store and compares rows and checksums. */
static int s_check_rows(const json_t *entry, const char *path, char *err, size_t err_size)
{
    store_sum_t found;
    int rc = store_sum(path, &found, err, err_size);
    s_unlock(path);
    if (rc != 0)
        return -1;
    json_t *tables = s_tables(&found);
    bool same = json_equal(tables, json_object_get(entry, "tables")) &&
                strcmp(found.kind, manifest_text(entry, "kind")) == 0 &&
                found.schema == s_number(entry, "schema");
    json_decref(tables);
    if (!same)
        snprintf(err, err_size, "%s: does not hold the rows that the manifest lists", path);
    return same ? 0 : -1;
}

static int s_check_journal(const json_t *entry, const char *path, char *err, size_t err_size)
{
    journal_facts_t facts;
    char name[64];
    if (strcmp(manifest_text(entry, "kind"), "journal") != 0 || manifest_is_older(entry))
        return 0;
    int rc = journal_facts(path, &facts, err, err_size);
    s_unlock(path);
    if (rc != 0)
        return -1;
    snprintf(name, sizeof name, "%s-%u", facts.kind, facts.shard);
    if (strcmp(name, manifest_text(entry, "name")) == 0 &&
        s_number(entry, "shards") == (json_int_t)facts.shards)
        return 0;
    snprintf(err, err_size, "%s: is the journal of %s shard %u of %u", path, facts.kind,
             facts.shard, facts.shards);
    return -1;
}

int manifest_check_file(const json_t *entry, const char *path, char *err, size_t err_size)
{
    char text[2 * STORE_SUM + 1];
    uint8_t sum[STORE_SUM];
    uint64_t bytes;
    if (store_file_sum(path, &bytes, sum, err, err_size) != 0)
        return -1;
    sodium_bin2hex(text, sizeof text, sum, STORE_SUM);
    if ((json_int_t)bytes == s_number(entry, "file_bytes") &&
        strcmp(text, manifest_text(entry, "file_checksum")) == 0)
        return 0;
    snprintf(err, err_size,
             "%s/data.mdb: is not the file that the manifest describes (%llu bytes, and not "
             "%lld, or other ones): the backup is damaged",
             path, (unsigned long long)bytes, (long long)s_number(entry, "file_bytes"));
    return -1;
}

int manifest_check(const json_t *entry, const char *path, char *err, size_t err_size)
{
    int rc = s_check_rows(entry, path, err, err_size);
    return rc ? rc : s_check_journal(entry, path, err, err_size);
}

static void s_add_shard(json_t *entry, const char *path, char *err, size_t err_size)
{
    journal_facts_t facts;
    if (journal_facts(path, &facts, err, err_size) != 0)
        return; /* the check that follows says why */
    json_object_set_new(entry, "shard", json_integer(facts.shard));
    json_object_set_new(entry, "shards", json_integer(facts.shards));
}

int manifest_describe(json_t *entry, const char *path, const char *name, const store_sum_t *sum,
                      char *err, size_t err_size)
{
    json_object_set_new(entry, "name", json_string(name));
    json_object_set_new(entry, "kind", json_string(sum->kind));
    json_object_set_new(entry, "schema", json_integer(sum->schema));
    json_object_set_new(entry, "commit", json_integer((json_int_t)sum->commit));
    json_object_set_new(entry, "tables", s_tables(sum));
    if (strcmp(sum->kind, "journal") == 0)
        s_add_shard(entry, path, err, err_size);
    return manifest_check(entry, path, err, err_size);
}

int manifest_add(json_t *manifest, const char *dir, const char *name, int64_t wall_ms,
                 json_t *entry, char *err, size_t err_size)
{
    char path[KEEPER_PATH], text[2 * STORE_SUM + 1], time[32];
    uint8_t file[STORE_SUM];
    uint64_t bytes;
    json_array_append_new(json_object_get(manifest, "stores"), entry);
    keeper_path(path, dir, name);
    keeper_time(wall_ms, false, time);
    if (store_file_sum(path, &bytes, file, err, err_size) != 0)
        return -1;
    sodium_bin2hex(text, sizeof text, file, STORE_SUM);
    json_object_set_new(entry, "name", json_string(name));
    json_object_set_new(entry, "time", json_string(time));
    json_object_set_new(entry, "time_ms", json_integer((json_int_t)wall_ms));
    json_object_set_new(entry, "file_bytes", json_integer((json_int_t)bytes));
    json_object_set_new(entry, "file_checksum", json_string(text));
    return 0;
}

void manifest_add_failed(json_t *manifest, const char *name, const char *why)
{
    json_t *failed = json_object_get(manifest, "failed");
    if (!failed)
        json_object_set_new(manifest, "failed", failed = json_array());
    json_array_append_new(failed, json_pack("{s:s, s:s*}", "name", name, "message", why));
}

const json_t *manifest_failed(const json_t *manifest)
{
    const json_t *failed = json_object_get(manifest, "failed");
    return json_array_size(failed) > 0 ? failed : NULL;
}

json_t *manifest_read(const char *dir, char *err, size_t err_size)
{
    char path[KEEPER_PATH];
    json_error_t error;
    keeper_path(path, dir, MANIFEST_FILE);
    if (access(path, F_OK) != 0) {
        snprintf(err, err_size,
                 "%s has no " MANIFEST_FILE ": it is no backup, or an interrupted one, which is "
                 "of no use",
                 dir);
        return NULL;
    }
    json_t *manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!manifest)
        snprintf(err, err_size, "%s: cannot be read: line %d: %s", path, error.line, error.text);
    else if (s_number(manifest, "format") != MANIFEST_FORMAT ||
             !json_is_array(json_object_get(manifest, "stores")))
        snprintf(err, err_size, "%s: is of format %lld, and this version reads %d", path,
                 (long long)s_number(manifest, "format"), MANIFEST_FORMAT);
    else
        return manifest;
    json_decref(manifest);
    return NULL;
}
