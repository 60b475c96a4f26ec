#include "authd/directory/damage.h"

#include "authd/directory/view.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <xxhash.h>

enum { SAID = 256 /* places that are said once */, SHOWN = 64 /* bytes of a key */ };

static bool s_was_said(uint64_t place)
{
    static atomic_uint_fast64_t said[SAID];
    return atomic_exchange(&said[place % SAID], place) == place;
}

static bool s_is_secret(table_t table)
{
    return table == TABLE_tokens || table == TABLE_management_hashes;
}

static void s_key_text(table_t table, const MDB_val *key, uint64_t hash, char text[2 * SHOWN + 8])
{
    if (s_is_secret(table))
        snprintf(text, 2 * SHOWN + 8, "hash:%016" PRIx64, hash);
    else
        sodium_bin2hex(text, 2 * SHOWN + 8, key->mv_data,
                       key->mv_size < SHOWN ? key->mv_size : SHOWN);
}

void damage_say(directory_t *directory, table_t table, const MDB_val *key, const char *what)
{
    char text[2 * SHOWN + 8];
    metric_add(METRIC_damaged_reads_total, 1);
    uint64_t hash = XXH3_64bits(key->mv_data, key->mv_size < SHOWN ? key->mv_size : SHOWN);
    if (s_was_said(hash + table + 1))
        return;
    s_key_text(table, key, hash, text);
    log_error("directory.damaged", "path=%s table=%s key=%s what=%s err=%s",
              LOG_Q(store_path(directory->store)), table_names[table], text, LOG_Q(what),
              LOG_Q("look at the disk and with posternctl check, then restore the directory from a "
                    "backup"));
}

void damage_row(view_t *view, table_t table, const MDB_val *key)
{
    damage_say(view->directory, table, key, "the row does not have its checksum");
    view->damaged |= !view->tolerates;
}

bool damage_is(int rc)
{
    return rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND;
}

void damage_page(view_t *view, table_t table, const MDB_val *key, int rc)
{
    damage_say(view->directory, table, key,
               rc == MDB_CORRUPTED ? "a page of data.mdb is damaged" : mdb_strerror(rc));
    view->damaged = true;
}
