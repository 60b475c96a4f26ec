#include "workers/format/formats.h"

#include "common/wire/pairs.h"
#include "formats_bytes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { README = 16 << 10 };

/* Rows in the order of their names. */
typedef struct {
    formats_row_t *row;
    size_t count;
} rows_t;

struct formats {
    rows_t built_in, kept, own;
    formats_row_t **all; /* of these, in the order of their names */
    size_t count;
};

void formats_row_free(formats_row_t *row)
{
    format_destroy((format_t **)&row->format);
    free((char *)row->name.data);
    if (row->is_own) {
        free((char *)row->text.data);
        free((char *)row->readme.data);
    }
    *row = (formats_row_t){0};
}

static void s_free(rows_t *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        formats_row_free(&rows->row[i]);
    free(rows->row);
    *rows = (rows_t){0};
}

static formats_row_t *s_add(rows_t *rows)
{
    rows->row = realloc(rows->row, (rows->count + 1) * sizeof *rows->row);
    if (!rows->row)
        abort();
    formats_row_t *row = &rows->row[rows->count++];
    *row = (formats_row_t){0};
    return row;
}

static int s_by_name(const void *left, const void *right)
{
    slice_t a = ((const formats_row_t *)left)->name, b = ((const formats_row_t *)right)->name;
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static void s_sort(rows_t *rows)
{
    if (rows->count > 1)
        qsort(rows->row, rows->count, sizeof *rows->row, s_by_name);
}

static const formats_row_t *s_find(const rows_t *rows, slice_t name)
{
    formats_row_t key = {.name = name};
    return rows->count && name.len
               ? bsearch(&key, rows->row, rows->count, sizeof *rows->row, s_by_name)
               : NULL;
}

static slice_t s_copy(slice_t text)
{
    char *copy = malloc(text.len + 1);
    if (!copy)
        abort();
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return slice(copy, text.len);
}

static int s_by_name_at(const void *left, const void *right)
{
    return s_by_name(*(formats_row_t *const *)left, *(formats_row_t *const *)right);
}

static void s_join_rows(formats_t *self, rows_t *rows, const rows_t *hidden, const rows_t *other)
{
    for (size_t i = 0; i < rows->count; i++)
        if (!s_find(hidden, rows->row[i].name) && !s_find(other, rows->row[i].name))
            self->all[self->count++] = &rows->row[i];
}

static void s_join(formats_t *self)
{
    const rows_t none = {0};
    size_t most = self->own.count + self->kept.count + self->built_in.count;
    free(self->all);
    self->all = malloc(most * sizeof *self->all);
    if (!self->all)
        abort();
    self->count = 0;
    s_join_rows(self, &self->own, &none, &none);
    s_join_rows(self, &self->kept, &self->own, &none);
    s_join_rows(self, &self->built_in, &self->own, &self->kept);
    qsort(self->all, self->count, sizeof *self->all, s_by_name_at);
}

/* A built-in format is read when it is first asked for: few senders have events here, and all of
 * them take megabytes. */
static formats_row_t *s_ready(formats_row_t *row)
{
    format_fault_t fault;
    if (!row->format)
        row->format = format_parse(row->text, &fault);
    if (!row->format) {
        fprintf(stderr, "formats/%.*s/format.json:%u: %s\n", SLICE_ARG(row->name), fault.line,
                fault.reason);
        abort(); /* it is part of this program */
    }
    return row;
}

formats_t *formats_new(void)
{
    formats_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    for (size_t i = 0; i < sizeof s_formats / sizeof *s_formats; i++) {
        formats_row_t *row = s_add(&self->built_in);
        row->name = s_copy(slice_of(s_formats[i].name));
        row->text = slice(s_formats[i].text, s_formats[i].text_len);
        row->readme = slice(s_formats[i].readme, s_formats[i].readme_len);
    }
    s_sort(&self->built_in);
    s_join(self);
    return self;
}

void formats_destroy(formats_t **self_p)
{
    formats_t *self = *self_p;
    if (!self)
        return;
    free(self->all);
    s_free(&self->built_in);
    s_free(&self->kept);
    s_free(&self->own);
    free(self);
    *self_p = NULL;
}

/* Writes the fault; always -1. */
__attribute__((format(printf, 2, 3))) static int s_fail(char *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(fault, FORMATS_FAULT, format, args);
    va_end(args);
    return -1;
}

/* The whole file of at most MOST bytes; the caller frees. */
static int s_read_file(const char *path, size_t most, slice_t *text, char *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat what;
    if (fd < 0 || fstat(fd, &what) != 0) {
        s_fail(fault, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    char *data = malloc(most + 1);
    if (!data)
        abort();
    size_t len = 0;
    ssize_t got = S_ISREG(what.st_mode) ? 1 : 0;
    while (got > 0 && len <= most && (got = read(fd, data + len, most + 1 - len)) > 0)
        len += (size_t)got;
    int error = errno;
    close(fd);
    *text = slice(data, len);
    if (!S_ISREG(what.st_mode))
        return s_fail(fault, "%s: it is no file", path);
    if (got < 0)
        return s_fail(fault, "%s: %s", path, strerror(error));
    return len <= most ? 0 : s_fail(fault, "%s: it is longer than %zu bytes", path, most);
}

/* The name of a folder: what stands behind the last slash of PATH. */
static slice_t s_name_of(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t from = end;
    while (from > 0 && path[from - 1] != '/')
        from--;
    return slice(path + from, end - from);
}

static int s_parse(const char *file, formats_row_t *row, char *fault)
{
    format_fault_t at;
    row->format = format_parse(row->text, &at);
    if (!row->format)
        return s_fail(fault, "%s:%u: %s", file, at.line, at.reason);
    if (!slice_is(row->name, format_sender(row->format)))
        return s_fail(fault, "%s: sender is \"%s\", but the folder is \"%.*s\"", file,
                      format_sender(row->format), SLICE_ARG(row->name));
    return 0;
}

int formats_read(const char *path, formats_row_t *row, char *fault)
{
    char file[PATH_MAX], *real = realpath(path, NULL);
    *row = (formats_row_t){.is_own = true};
    if (!real)
        return s_fail(fault, "%s: %s", path, strerror(errno));
    slice_t name = s_name_of(real);
    char *copy = strndup(name.data, name.len);
    free(real);
    if (!copy)
        abort();
    row->name = slice_of(copy);
    snprintf(file, sizeof file, "%s/README.md", path);
    if (access(file, F_OK) == 0 && s_read_file(file, README, &row->readme, fault) != 0)
        return -1;
    snprintf(file, sizeof file, "%s/format.json", path);
    return s_read_file(file, FORMAT_BYTES, &row->text, fault) == 0 ? s_parse(file, row, fault) : -1;
}

/* A folder with a format.json in it. */
static bool s_is_format(const char *directory, const char *name)
{
    char path[PATH_MAX];
    if (name[0] == '.')
        return false;
    int len = snprintf(path, sizeof path, "%s/%s/format.json", directory, name);
    return len < (int)sizeof path && access(path, F_OK) == 0;
}

static int s_read_all(DIR *dir, const char *directory, rows_t *rows, char *fault)
{
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        char path[PATH_MAX];
        if (!s_is_format(directory, entry->d_name))
            continue;
        if (rows->count == FORMATS_MOST)
            return s_fail(fault, "%s: it has more than %d formats", directory, FORMATS_MOST);
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (formats_read(path, s_add(rows), fault) != 0)
            return -1;
    }
    return 0;
}

int formats_load(formats_t *self, const char *directory, char *fault)
{
    rows_t rows = {0};
    DIR *dir = opendir(directory);
    if (!dir)
        return s_fail(fault, "%s: %s", directory, strerror(errno));
    int rc = s_read_all(dir, directory, &rows, fault);
    closedir(dir);
    if (rc != 0) {
        s_free(&rows);
        return -1;
    }
    s_free(&self->own);
    self->own = rows;
    s_sort(&self->own);
    s_join(self);
    return 0;
}

static bool s_read_kept(slice_t name, slice_t text, formats_row_t *row, char *fault)
{
    char file[64];
    *row = (formats_row_t){.is_own = true, .is_kept = true};
    row->name = s_copy(name);
    row->text = s_copy(text);
    row->readme = s_copy(slice("", 0));
    snprintf(file, sizeof file, "%.*s", (int)(name.len < FORMAT_NAME ? name.len : FORMAT_NAME),
             name.data);
    return s_parse(file, row, fault) == 0;
}

size_t formats_keep(formats_t *self, slice_t pairs, char *fault)
{
    rows_t rows = {0};
    size_t left_out = 0;
    slice_t name, text;
    for (wire_pairs_t each = wire_pairs_begin(pairs);
         wire_pairs_next(&each, &name, &text) && rows.count < FORMATS_MOST;) {
        char other[FORMATS_FAULT];
        if (s_read_kept(name, text, s_add(&rows), left_out ? other : fault))
            continue;
        formats_row_free(&rows.row[--rows.count]);
        left_out++;
    }
    s_free(&self->kept);
    self->kept = rows;
    s_sort(&self->kept);
    s_join(self);
    return left_out;
}

size_t formats_count(const formats_t *self)
{
    return self->count;
}

const formats_row_t *formats_row(formats_t *self, size_t number)
{
    return s_ready(self->all[number]);
}

const formats_row_t *formats_find(formats_t *self, slice_t name)
{
    formats_row_t key = {.name = name}, *sought = &key;
    formats_row_t **found =
        name.len ? bsearch(&sought, self->all, self->count, sizeof *self->all, s_by_name_at) : NULL;
    return found ? s_ready(*found) : NULL;
}

/* Looks at the formats that may be surer than *MOST, and as sure as LEAST. */
static void s_detect(formats_t *self, renderer_t *renderer, unsigned least, unsigned *most,
                     const formats_row_t **best)
{
    for (size_t i = 0; i < self->count; i++) {
        const formats_row_t *row = formats_row(self, i);
        unsigned may = format_detects_most(row->format);
        unsigned sure = may >= least && may > *most ? format_detects(renderer, row->format) : 0;
        if (sure > *most) {
            *best = row;
            *most = sure;
        }
    }
}

const formats_row_t *formats_detect(formats_t *self, renderer_t *renderer)
{
    const formats_row_t *best = NULL;
    unsigned most = 0;
    s_detect(self, renderer, FORMAT_BY_HEADER, &most, &best);
    s_detect(self, renderer, 0, &most, &best);
    return best;
}
