/* Checks and resolves the text of one setting. Private to common/conf. */
#ifndef POSTERN_CONF_CHECK_H
#define POSTERN_CONF_CHECK_H

#include "common/conf/conf.h"

enum { CONF_TEXT = 4608 };

/* 0, or -1 with the reason in err: what the value is not. */
int conf_check(const setting_row_t *row, const char *value, char *err, size_t err_size);

/* True for a tcp endpoint that other hosts can reach. */
bool conf_is_remote(const char *endpoint);

/* The i-th of several words into text; false past the last. */
bool conf_word(const char *value, unsigned i, char *text, size_t size);

#endif
