#include "workers/journal/census.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void s_bytes(crypto_generichash_state *hash, slice_t bytes)
{
    crypto_generichash_update(hash, (const unsigned char *)&bytes.len, sizeof bytes.len);
    crypto_generichash_update(hash, (const unsigned char *)bytes.data, bytes.len);
}

/* The sums of a census meet none of another host: numbers are hashed as they lie in memory. */
static void s_numbers(crypto_generichash_state *hash, const uint64_t *numbers, size_t len)
{
    crypto_generichash_update(hash, (const unsigned char *)numbers, len * sizeof *numbers);
}

static void s_record(crypto_generichash_state *hash, record_t record)
{
    record.previous = 0;
    char *bytes = malloc(record_size(&record));
    if (!bytes)
        abort();
    record_write(&record, bytes);
    s_bytes(hash, slice(bytes, record_size(&record)));
    free(bytes);
}

static void s_attempt(crypto_generichash_state *hash, uint64_t number,
                      const outbox_attempt_t *attempt)
{
    const uint64_t numbers[] = {number, (uint64_t)attempt->time_ms, attempt->duration_us,
                                attempt->status, attempt->outcome};
    s_numbers(hash, numbers, sizeof numbers / sizeof *numbers);
    s_bytes(hash, attempt->trace);
    s_bytes(hash, attempt->answer);
}

/* All but whether a key is placed, which depends on what else is in its journal. */
void census_add(census_t *self, const journal_exported_t *entry)
{
    crypto_generichash_state hash;
    const outbox_course_t *course = &entry->course;
    const uint64_t numbers[] = {
        entry->seen,
        entry->answer.log,
        (uint64_t)entry->answer.time_ms,
        entry->answer.answer,
        entry->delivers,
        entry->replied,
        entry->stored_ms,
        course->state,
        course->made,
        course->attempts,
        course->order,
        course->due_ms,
        course->first_ms,
        course->done_ms,
        entry->running_ms,
        entry->range.first,
        entry->range.last,
        entry->answer.revision,
        entry->answer.root_number,
        (uint64_t)entry->answer.root_ms,
    };
    uint64_t sum[2];
    crypto_generichash_init(&hash, NULL, 0, sizeof sum);
    s_numbers(&hash, numbers, sizeof numbers / sizeof *numbers);
    if (entry->kind != EXPORT_KEY)
        s_bytes(&hash, slice(entry->target.bytes, UUID_BYTES));
    if (entry->kind == EXPORT_RECORD)
        s_record(&hash, entry->record);
    for (unsigned i = 0; i < entry->attempts_len; i++)
        s_attempt(&hash, entry->numbers[i], &entry->attempts[i]);
    s_bytes(&hash, entry->name);
    s_bytes(&hash, slice(entry->hash, sizeof entry->hash));
    s_bytes(&hash, entry->bytes);
    crypto_generichash_final(&hash, (unsigned char *)sum, sizeof sum);
    self->counts[entry->kind]++;
    self->ids += entry->seen;
    self->deliveries += entry->delivers;
    self->attempts += entry->attempts_len;
    self->sums[entry->kind][0] += sum[0];
    self->sums[entry->kind][1] += sum[1];
}

bool census_is_equal(const census_t *self, const census_t *other)
{
    return memcmp(self, other, sizeof *self) == 0;
}
