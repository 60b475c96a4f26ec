#include "workers/journal/census.h"

int census_take(census_t *self, const char *path, char *err, size_t err_size)
{
    const journal_exported_t *entry = NULL;
    journal_export_t *export = journal_export_new(path, err, err_size);
    if (!export)
        return -1;
    int rc = journal_export_next(export, &entry, err, err_size);
    for (; rc == 0 && entry; rc = journal_export_next(export, &entry, err, err_size))
        census_add(self, entry);
    journal_export_destroy(&export);
    return rc;
}
