/* What a journal keeps of handlers, as a text: "1=one 2=two ". */
#ifndef POSTERN_TESTS_KEPT_TEXT_H
#define POSTERN_TESTS_KEPT_TEXT_H

#include "workers/journal/outbox.h"

#include <stdio.h>
#include <string.h>

static char s_kept[256];

static inline void s_each_kept(void *arg, const uuid_t7 *target, slice_t bytes)
{
    (void)arg;
    size_t len = strlen(s_kept);
    snprintf(s_kept + len, sizeof s_kept - len, "%u=%.*s ", target->bytes[8], SLICE_ARG(bytes));
}

/* LIST: journal_handlers or journal_health. Valid until the next call. */
static inline const char *kept_text(journal_t *journal,
                                    void (*list)(journal_reader_t *reader, outbox_kept_fn each,
                                                 void *arg))
{
    s_kept[0] = '\0';
    list(journal_reader(journal), s_each_kept, NULL);
    return s_kept;
}

#endif
