/* The PostgreSQL engine, under test, on a server of its own. Full is what a trigger says, in the
 * words of a server without room: a disk that is full needs a file system of its own. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/conformance/check.h"
#include "tests/conformance/submit.h"
#include "tests/unit/postgres_yard.h"

enum { SETTLE = 12, TRIES = 200, APART_MS = 10 };

const unsigned subject_histories = 8;

int subject_begin(void)
{
    return postgres_begin(NULL);
}

void subject_end(void)
{
    postgres_end(NULL);
}

/* A place that is not there yet has an installation of its own, of one shard's journal. */
static void s_make(const char *place, const subject_options_t *given)
{
    char sql[128];
    op_owner_t kind;
    if (mkdir(place, 0700) != 0)
        return;
    postgres_clear_of(given->shards);
    if (!op_owner_of(given->kind, strlen(given->kind), &kind))
        fail();
    snprintf(sql, sizeof sql, "DELETE FROM postern.shard WHERE kind <> %u OR shard <> %u",
             (unsigned)kind, given->shard);
    postgres_do(sql);
}

journal_t *subject_open(const char *place, const subject_options_t *given, char *err,
                        size_t err_size)
{
    journal_options_t options = {.path = place,
                                 .kind = given->kind,
                                 .shard = given->shard,
                                 .shards = given->shards,
                                 .keys = given->keys,
                                 .retention_ms = given->retention_ms,
                                 .retention_bytes = given->retention_bytes,
                                 .unowned = given->unowned,
                                 .delivery_retention_ms = given->delivery_retention_ms,
                                 .connection = postgres_connection(),
                                 .copies = 1};
    s_make(place, given);
    subject_fill(false);
    return journal_open(&options, subject_now_ms, err, err_size);
}

void subject_settle(journal_t *journal)
{
    for (unsigned i = 0; i < SETTLE || (journal_has_notes(journal) && i < TRIES); i++) {
        subject_now_ms += APART_MS;
        submit_all(journal, NULL, 0);
    }
}

void subject_fill(bool full)
{
    static const char drop[] = "SET client_min_messages = error; DROP FUNCTION IF EXISTS "
                               "public.is_full CASCADE";
    static const char make[] =
        "CREATE FUNCTION public.is_full() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE "
        "EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END$$;"
        "DO $$DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = "
        "'postern' AND tablename SIMILAR TO '(log|ended|attempt|pending|kept)%' LOOP EXECUTE "
        "'CREATE TRIGGER full_disk BEFORE INSERT "
        "ON "
        "postern.' || t || ' EXECUTE FUNCTION public.is_full()'; END LOOP; END$$";
    postgres_do(drop);
    if (full)
        postgres_do(make);
}
