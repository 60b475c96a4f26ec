/* The sources of a target, as authd tells them with each request to the worker that verifies it: in
 * the place of the handler record (common/wire/wire.h), or behind it.
 * It holds secrets in the clear: nobody keeps it.
 *
 * A list is a msgpack array of maps with string keys; an unknown key is ignored. Threading: no
 * state, any thread. */
#ifndef POSTERN_SOURCE_RECORD_H
#define POSTERN_SOURCE_RECORD_H

#include "common/base/uuid.h"
#include "common/source/key.h"
#include "common/source/selection.h"
#include "common/wire/pack.h"

enum { SOURCE_RECORDS = 20, SOURCE_PRESET = 32 };

/* Of a scheme whose secret is a header, which ends at authd: what authd found. */
typedef enum { TOLD_NOTHING, TOLD_RIGHT, TOLD_WRONG, TOLD_MISSING } source_told_t;

typedef struct {
    uuid_t7 id; /* the source's; nil: an authd of before told none */
    bool required, drops_unknown, keeps_raw;
    slice_t preset;   /* a name of presets.def; empty: `declared` is the scheme */
    slice_t declared; /* the texts of a scheme (source_texts_pack); empty: nothing is verified */
    slice_t format;   /* the name of its events' format; empty: it is found by what comes */
    selection_t selection;
    slice_t verify_token;
    source_told_t told;
    slice_t url; /* that was called, of a request to the source's own address; else empty */
    unsigned secrets;
    slice_t secret[SOURCE_KEYS];
} source_record_t;

void source_texts_pack(pack_t *out, const scheme_texts_t *texts);
bool source_texts_unpack(slice_t packed, scheme_texts_t *texts);

/* A list: its begin, then COUNT records. */
void source_records_begin(pack_t *out, unsigned count);
void source_record_add(pack_t *out, const source_record_t *record);

/* Reads a list into RECORDS, whose slices point into ENCODED. How many there are; -1: it is no
 * list. */
int source_records_read(slice_t encoded, source_record_t records[SOURCE_RECORDS]);

/* Takes apart what an entry has in the place of a handler record: the record, a list of sources, or
 * the one and the other behind it. Either may come out empty; what is neither is a RECORD, which
 * cannot be read. */
void source_records_split(slice_t field, slice_t *record, slice_t *list);

/* The scheme of a record. False where it has none, or none that can be read. */
bool source_record_scheme(const source_record_t *record, scheme_texts_t *texts, scheme_t *scheme);

#endif
