/* libFuzzer target: what stands in the place of a handler record, as the worker takes it apart: the
 * record, a list of sources, or the one behind the other. What is read lies within what came, a
 * list that is read is written as the same, and its globs say the same of an event each time. */
#include "common/source/record.h"
#include "common/wire/handler.h"

#include <assert.h>
#include <stdlib.h>

static void s_is_within(slice_t part, slice_t whole)
{
    assert(part.len == 0 ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len));
}

static void s_check(const source_record_t *record, slice_t field)
{
    scheme_texts_t texts;
    scheme_t scheme;
    assert(record->secrets <= SOURCE_KEYS);
    s_is_within(record->format, field);
    s_is_within(record->selection.only, field);
    s_is_within(record->verify_token, field);
    for (unsigned i = 0; i < record->secrets; i++)
        s_is_within(record->secret[i], field);
    source_record_scheme(record, &texts, &scheme);
    slice_t event = record->format, branch = record->verify_token;
    selection_fault(record->selection.only, '\n');
    assert(selection_takes(&record->selection, event, branch) ==
           selection_takes(&record->selection, event, branch));
}

/* What is written of what was read is read as the same. */
static void s_again(const source_record_t *records, int count)
{
    source_record_t again[SOURCE_RECORDS];
    pack_t out = {0};
    source_records_begin(&out, (unsigned)count);
    for (int i = 0; i < count; i++)
        source_record_add(&out, &records[i]);
    assert(source_records_read(slice(out.data, out.len), again) == count);
    for (int i = 0; i < count; i++) {
        assert(again[i].required == records[i].required);
        assert(again[i].drops_unknown == records[i].drops_unknown);
        assert(again[i].secrets == records[i].secrets);
        assert(uuid_eq(&again[i].id, &records[i].id));
        assert(slice_eq(again[i].selection.branch, records[i].selection.branch));
    }
    pack_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice_t record, list, field = slice(data, size);
    wire_handler_t handler;
    source_record_t records[SOURCE_RECORDS];
    source_records_split(field, &record, &list);
    s_is_within(record, field);
    s_is_within(list, field);
    assert(record.len + list.len == field.len);
    wire_handler_decode(&handler, record);
    int count = source_records_read(list, records);
    for (int i = 0; i < count; i++)
        s_check(&records[i], field);
    if (count >= 0)
        s_again(records, count);
    return 0;
}
