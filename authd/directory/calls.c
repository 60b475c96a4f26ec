#include "authd/directory/calls.h"

#include <string.h>

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, WORD = 4 };

/* The oldest periods come first; those before the first that counted anything are left out, because
 * the row of a busy token is written each second. */
static void s_read(uint32_t *counts, size_t periods, slice_t bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    if (bytes.len % WORD != 0 || bytes.len > periods * WORD)
        return;
    for (size_t i = periods - bytes.len / WORD; i < periods; i++, at += WORD)
        counts[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void s_write(pack_t *record, const char *key, const uint32_t *counts, size_t periods)
{
    uint8_t bytes[CALLS_DAYS * WORD], *at = bytes;
    size_t first = 0;
    while (first < periods && counts[first] == 0)
        first++;
    for (size_t i = first; i < periods; i++)
        for (int shift = 24; shift >= 0; shift -= 8)
            *at++ = (uint8_t)(counts[i] >> shift);
    pack_pair_bin(record, key, bytes, (periods - first) * WORD);
}

/* Fields in the order in which calls_write writes them. */
void calls_read(calls_t *self, fields_t *fields)
{
    *self = (calls_t){.hour = fields_uint(fields, "hour", 0)};
    if (self->hour == 0)
        return;
    s_read(self->hours, CALLS_HOURS, fields_bytes(fields, "hours"));
    self->day = fields_uint(fields, "day", 0);
    s_read(self->days, CALLS_DAYS, fields_bytes(fields, "days"));
}

void calls_write(const calls_t *self, pack_t *record)
{
    pack_pair_uint(record, "hour", self->hour);
    s_write(record, "hours", self->hours, CALLS_HOURS);
    pack_pair_uint(record, "day", self->day);
    s_write(record, "days", self->days, CALLS_DAYS);
}

static void s_add(uint32_t *counts, size_t periods, uint64_t *newest, uint64_t now, uint64_t count)
{
    uint64_t passed = now > *newest ? now - *newest : 0;
    size_t gone = passed < periods ? (size_t)passed : periods;
    memmove(counts, counts + gone, (periods - gone) * sizeof *counts);
    memset(counts + periods - gone, 0, gone * sizeof *counts);
    *newest = now;
    uint32_t *last = &counts[periods - 1];
    *last = count < UINT32_MAX - *last ? *last + (uint32_t)count : UINT32_MAX;
}

void calls_add(calls_t *self, uint64_t wall_ms, uint64_t count)
{
    s_add(self->hours, CALLS_HOURS, &self->hour, wall_ms / HOUR_MS, count);
    s_add(self->days, CALLS_DAYS, &self->day, wall_ms / DAY_MS, count);
}

static void s_merge(uint32_t *counts, size_t periods, uint64_t *newest, const uint32_t *other,
                    uint64_t other_newest)
{
    if (other_newest > *newest)
        s_add(counts, periods, newest, other_newest, 0);
    uint64_t behind = *newest - other_newest;
    for (size_t i = behind < periods ? (size_t)behind : periods; i < periods; i++) {
        uint32_t *to = &counts[i - behind];
        *to = other[i] < UINT32_MAX - *to ? *to + other[i] : UINT32_MAX;
    }
}

void calls_merge(calls_t *self, const calls_t *other)
{
    s_merge(self->hours, CALLS_HOURS, &self->hour, other->hours, other->hour);
    s_merge(self->days, CALLS_DAYS, &self->day, other->days, other->day);
}

static uint64_t s_sum(const uint32_t *counts, size_t periods, uint64_t newest, uint64_t now)
{
    uint64_t sum = 0, passed = now > newest ? now - newest : 0;
    for (size_t i = passed < periods ? (size_t)passed : periods; i < periods; i++)
        sum += counts[i];
    return sum;
}

uint64_t calls_of_24_hours(const calls_t *self, uint64_t wall_ms)
{
    return s_sum(self->hours, CALLS_HOURS, self->hour, wall_ms / HOUR_MS);
}

uint64_t calls_of_30_days(const calls_t *self, uint64_t wall_ms)
{
    return s_sum(self->days, CALLS_DAYS, self->day, wall_ms / DAY_MS);
}

static void s_each(const uint32_t *counts, size_t periods, uint64_t newest, uint64_t now,
                   uint32_t *out)
{
    uint64_t passed = now > newest ? now - newest : 0;
    size_t gone = passed < periods ? (size_t)passed : periods;
    memcpy(out, counts + gone, (periods - gone) * sizeof *out);
    memset(out + periods - gone, 0, gone * sizeof *out);
}

void calls_each(const calls_t *self, uint64_t wall_ms, uint32_t hours[CALLS_HOURS],
                uint32_t days[CALLS_DAYS])
{
    s_each(self->hours, CALLS_HOURS, self->hour, wall_ms / HOUR_MS, hours);
    s_each(self->days, CALLS_DAYS, self->day, wall_ms / DAY_MS, days);
}
