#include "common/health/sample.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 96, BUCKETS = 64 };

typedef struct {
    char name[NAME];
    double le; /* of a bucket, else NAN */
    double value;
} row_t;

struct sample {
    row_t *rows;
    size_t len, room;
};

/* NAME{LABELS} VALUE, or NAME VALUE; a label's text may hold any character but a bare quote. */
static bool s_parse_line(const char *line, size_t len, row_t *row)
{
    size_t name = strcspn(line, "{ \n");
    const char *close = name < len && line[name] == '{' ? memrchr(line, '}', len) : line + name - 1;
    if (name == 0 || name >= NAME || name >= len || *line == '#' || !close)
        return false;
    char *end;
    const char *value = close + 1, *le = strstr(line, "le=\"");
    *row = (row_t){.le = NAN, .value = strtod(value, &end)};
    memcpy(row->name, line, name);
    if (le && le < close)
        row->le = strtod(le + 4, NULL);
    return end > value;
}

sample_t *sample_parse(const char *text, size_t len)
{
    sample_t *self = calloc(1, sizeof *self);
    char *copy = malloc(len + 1);
    assert(self && copy);
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (char *line = copy, *next; *line; line = next) {
        size_t size = strcspn(line, "\n");
        next = line + size + (line[size] == '\n');
        line[size] = '\0';
        if (self->len == self->room) {
            self->room = self->room ? 2 * self->room : 256;
            self->rows = realloc(self->rows, self->room * sizeof *self->rows);
            assert(self->rows);
        }
        self->len += s_parse_line(line, size, &self->rows[self->len]);
    }
    free(copy);
    return self;
}

void sample_destroy(sample_t **self_p)
{
    if (!*self_p)
        return;
    free((*self_p)->rows);
    free(*self_p);
    *self_p = NULL;
}

static bool s_is(const row_t *row, const char *name, const char *suffix)
{
    char full[NAME];
    const char *prefix = strncmp(name, "process_", 8) == 0 ? "" : "postern_";
    snprintf(full, sizeof full, "%s%s%s", prefix, name, suffix);
    return strcmp(row->name, full) == 0;
}

double sample_sum(const sample_t *self, const char *name)
{
    double sum = NAN;
    for (size_t i = 0; i < self->len; i++)
        if (s_is(&self->rows[i], name, ""))
            sum = (isnan(sum) ? 0 : sum) + self->rows[i].value;
    return sum;
}

double sample_most(const sample_t *self, const char *name)
{
    double most = NAN;
    for (size_t i = 0; i < self->len; i++)
        if (s_is(&self->rows[i], name, ""))
            most = fmax(most, self->rows[i].value); /* NAN counts for nothing */
    return most;
}

double sample_growth(const sample_t *self, const sample_t *before, const char *name)
{
    return before ? sample_sum(self, name) - sample_sum(before, name) : NAN;
}

/* Cumulative counts by bound, in the order of the text, which is ascending. */
static size_t s_buckets(const sample_t *self, const char *name, double bounds[BUCKETS],
                        double counts[BUCKETS])
{
    size_t len = 0;
    for (size_t i = 0; i < self->len && len < BUCKETS; i++)
        if (s_is(&self->rows[i], name, "_bucket") && !isnan(self->rows[i].le)) {
            bounds[len] = self->rows[i].le;
            counts[len++] = self->rows[i].value;
        }
    return len;
}

double sample_quantile(const sample_t *self, const sample_t *before, const char *name, double q)
{
    double bounds[BUCKETS], counts[BUCKETS], old_bounds[BUCKETS], old[BUCKETS];
    size_t len = s_buckets(self, name, bounds, counts);
    if (!before || len < 2 || s_buckets(before, name, old_bounds, old) != len)
        return NAN;
    for (size_t i = 0; i < len; i++)
        counts[i] -= old[i];
    double rank = q * counts[len - 1];
    if (!(counts[len - 1] > 0))
        return NAN;
    size_t i = 0;
    while (i < len - 1 && counts[i] < rank)
        i++;
    if (i == len - 1)
        return bounds[len - 2];
    double low = i ? bounds[i - 1] : 0, under = i ? counts[i - 1] : 0;
    return low + (bounds[i] - low) * (rank - under) / (counts[i] - under);
}
