/* Compares a journal with the model. What differs ends the process with exit status 1 and the
 * reason on standard error. Threading: that of the reader. */
#ifndef POSTERN_CONFORMANCE_CHECK_H
#define POSTERN_CONFORMANCE_CHECK_H

#include "tests/conformance/model.h"
#include "tests/conformance/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(good, ...)                                                                           \
    do {                                                                                           \
        if (!(good)) {                                                                             \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #good);                             \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

enum { CHECK_BODY = 600 };

uuid_t7 check_uuid(unsigned number);
/* The body of a record: its length and bytes follow from the id. */
slice_t check_body(unsigned id, char body[CHECK_BODY]);

/* Each record of each target, read from a sequence that follows from SALT on, in steps of as many;
 * records that retention has removed are noted in the model. */
void check_records(journal_reader_t *reader, model_t *model, unsigned salt);

/* The items, what is due, their attempts, what is kept and the counts. All has to be committed.
 * NULL, or in what they differ. */
const char *check_outbox(journal_reader_t *reader, model_t *model);
/* Pages of items: LIMIT at a time, from each place on. */
void check_pages(journal_reader_t *reader, model_t *model, unsigned limit);
/* What is due with its records, as many and of such as follow from SALT. In a query. */
void check_due(journal_reader_t *reader, model_t *model, unsigned salt);

#endif
