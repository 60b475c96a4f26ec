/* Where settings come from: the file and the environment. Private to common/conf. */
#ifndef POSTERN_CONF_READ_H
#define POSTERN_CONF_READ_H

#include <stddef.h>

/* Takes one setting by its name, "section.key"; 0, or -1 with the reason in err. */
typedef int conf_set_fn(void *arg, const char *name, const char *value, char *err, size_t err_size);

/* Both: 0, or -1 with the reason in err, which begins with the file's or the variable's name. */
int conf_read_file(const char *path, conf_set_fn *set, void *arg, char *err, size_t err_size);
int conf_read_environment(conf_set_fn *set, void *arg, char *err, size_t err_size);

#endif
