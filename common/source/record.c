#include "common/source/record.h"

#include "common/source/presets.h"

#include <assert.h>

enum {
    TEXTS = SCHEME_FIELDS * (SCHEME_TEXT + 3),
    VERIFY_TOKEN = 128,
    FORMAT = 32,
    URL = 4096,
    DEPTH = 4
};

void source_texts_pack(pack_t *out, const scheme_texts_t *texts)
{
    pack_array(out, SCHEME_FIELDS);
    for (unsigned f = 0; f < SCHEME_FIELDS; f++)
        pack_str(out, texts->field[f].len ? texts->field[f] : slice("", 0));
}

bool source_texts_unpack(slice_t packed, scheme_texts_t *texts)
{
    unpack_t at = unpack_begin(packed);
    uint32_t items = unpack_array(&at, SCHEME_FIELDS);
    *texts = (scheme_texts_t){0};
    for (uint32_t f = 0; f < items && !at.failed; f++)
        texts->field[f] = unpack_str(&at, SCHEME_TEXT);
    return unpack_done(&at);
}

void source_records_begin(pack_t *out, unsigned count)
{
    assert(count <= SOURCE_RECORDS);
    pack_array(out, count);
}

/* What few sources have is told where it is there. */
static void s_add_some(pack_t *out, const char *key, slice_t text)
{
    if (text.len)
        pack_pair_str(out, key, text);
}

void source_record_add(pack_t *out, const source_record_t *record)
{
    const selection_t *selection = &record->selection;
    assert(record->secrets <= SOURCE_KEYS);
    assert(selection->separator == '\n' || (!selection->only.len && !selection->except.len));
    pack_map(out, 6 + (record->url.len > 0) + (record->format.len > 0) + (selection->only.len > 0) +
                      (selection->except.len > 0) + (selection->branch.len > 0) +
                      record->drops_unknown + record->keeps_raw + (record->told > 0));
    pack_pair_bin(out, "id", record->id.bytes, UUID_BYTES);
    s_add_some(out, "url", record->url);
    s_add_some(out, "format", record->format);
    s_add_some(out, "only", selection->only);
    s_add_some(out, "except", selection->except);
    s_add_some(out, "branch", selection->branch);
    if (record->drops_unknown)
        pack_pair_uint(out, "drops", 1);
    if (record->keeps_raw)
        pack_pair_uint(out, "keep", 1);
    if (record->told)
        pack_pair_uint(out, "told", record->told);
    pack_pair_uint(out, "required", record->required);
    pack_pair_str(out, "preset", record->preset);
    pack_pair_bin(out, "declared", record->declared.data, record->declared.len);
    pack_pair_str(out, "verify", record->verify_token);
    pack_str(out, slice_of("secrets"));
    pack_array(out, record->secrets);
    for (unsigned i = 0; i < record->secrets; i++)
        pack_str(out, record->secret[i]);
}

#define KEY(name)                                                                                  \
    {                                                                                              \
        name, sizeof name - 1                                                                      \
    }

static slice_t s_bytes(slice_t value, size_t most)
{
    unpack_t at = unpack_begin(value);
    slice_t bytes = unpack_bytes(&at, most);
    return at.failed ? slice("", 0) : bytes;
}

static bool s_is_set(slice_t value, bool usual)
{
    unpack_t at = unpack_begin(value);
    bool set = unpack_uint(&at, UINT64_MAX) != 0;
    return at.failed ? usual : set;
}

static source_told_t s_told(slice_t value)
{
    unpack_t at = unpack_begin(value);
    uint64_t told = unpack_uint(&at, TOLD_MISSING);
    return at.failed ? TOLD_NOTHING : (source_told_t)told;
}

static void s_read_secrets(slice_t value, source_record_t *record)
{
    unpack_t at = unpack_begin(value);
    uint32_t items = unpack_array(&at, SOURCE_KEYS);
    for (uint32_t i = 0; i < items && !at.failed; i++)
        record->secret[i] = unpack_str(&at, SOURCE_KEY_TEXT);
    record->secrets = at.failed ? 0 : items;
}

/* False: KEY is none of the texts. */
static bool s_read_text(slice_t key, slice_t value, source_record_t *record)
{
#define TEXT(name, field, most)                                                                    \
    {                                                                                              \
        KEY(name), offsetof(source_record_t, field), most                                          \
    }
    static const struct {
        slice_t key;
        size_t at, most;
    } rows[] = {TEXT("preset", preset, SOURCE_PRESET),
                TEXT("declared", declared, TEXTS),
                TEXT("format", format, FORMAT),
                TEXT("only", selection.only, SELECTION_LIST),
                TEXT("except", selection.except, SELECTION_LIST),
                TEXT("branch", selection.branch, SELECTION_LIST),
                TEXT("url", url, URL),
                TEXT("verify", verify_token, VERIFY_TOKEN)};
#undef TEXT
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (slice_eq(key, rows[i].key)) {
            *(slice_t *)(void *)((char *)record + rows[i].at) = s_bytes(value, rows[i].most);
            return true;
        }
    return false;
}

static void s_read_pair(slice_t key, slice_t value, source_record_t *record)
{
    if (s_read_text(key, value, record))
        return;
    if (slice_is(key, "id")) {
        slice_t id = s_bytes(value, UUID_BYTES);
        if (id.len == UUID_BYTES)
            memcpy(record->id.bytes, id.data, UUID_BYTES);
    } else if (slice_is(key, "required")) {
        record->required = s_is_set(value, true);
    } else if (slice_is(key, "drops")) {
        record->drops_unknown = s_is_set(value, false);
    } else if (slice_is(key, "keep")) {
        record->keeps_raw = s_is_set(value, false);
    } else if (slice_is(key, "told")) {
        record->told = s_told(value);
    } else if (slice_is(key, "secrets")) {
        s_read_secrets(value, record);
    }
}

/* Each pair is gone through once: this is done for every event. */
static void s_read(slice_t bytes, source_record_t *record)
{
    const slice_t none = slice("", 0);
    unpack_t at = unpack_begin(bytes);
    /* What is not told is required: no request passes because a peer is older or newer. */
    *record = (source_record_t){.required = true,
                                .preset = none,
                                .declared = none,
                                .format = none,
                                .selection = {none, none, none, '\n'},
                                .verify_token = none,
                                .url = none};
    for (uint32_t pairs = unpack_map(&at, UINT32_MAX); pairs && !at.failed; pairs--) {
        slice_t key = unpack_bytes(&at, SIZE_MAX), value = unpack_value(&at, DEPTH);
        if (!at.failed)
            s_read_pair(key, value, record);
    }
}

int source_records_read(slice_t encoded, source_record_t records[SOURCE_RECORDS])
{
    unpack_t at = unpack_begin(encoded);
    uint32_t items = unpack_array(&at, SOURCE_RECORDS);
    for (uint32_t i = 0; i < items && !at.failed; i++)
        s_read(unpack_value(&at, DEPTH), &records[i]);
    return unpack_done(&at) ? (int)items : -1;
}

static bool s_is_list(slice_t encoded)
{
    unpack_t at = unpack_begin(encoded);
    unpack_array(&at, SOURCE_RECORDS);
    return encoded.len > 0 && !at.failed;
}

void source_records_split(slice_t field, slice_t *record, slice_t *list)
{
    unpack_t at = unpack_begin(field);
    *record = *list = slice("", 0);
    if (s_is_list(field)) {
        *list = field;
        return;
    }
    *record = field;
    slice_t first = field.len ? unpack_value(&at, DEPTH) : slice("", 0);
    slice_t rest = slice(at.at, (size_t)(at.end - at.at));
    if (at.failed || !s_is_list(rest))
        return;
    *record = first;
    *list = rest;
}

bool source_record_scheme(const source_record_t *record, scheme_texts_t *texts, scheme_t *scheme)
{
    char err[256];
    const preset_t *preset = record->preset.len ? preset_find(record->preset) : NULL;
    if (preset)
        *texts = preset->texts;
    else if (!record->declared.len || !source_texts_unpack(record->declared, texts))
        return false;
    return scheme_read(texts, scheme, err, sizeof err);
}
