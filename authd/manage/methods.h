/* The HTTP methods of requests that make events of a bot or an extension: bits of OP_… in a record
 * (0: all that the endpoint takes), a list of names in an operation. Link previews and scanners
 * call URLs by GET and HEAD. Private to authd/manage. */
#ifndef POSTERN_AUTHD_MANAGE_METHODS_H
#define POSTERN_AUTHD_MANAGE_METHODS_H

#include "authd/manage/task.h"

/* The names, in the order of the bits. */
json_t *methods_json(unsigned methods);

/* Takes the argument "methods" where it is given. */
error_code_t methods_edit(task_t *task, unsigned *methods);

#define METHODS_FIELD                                                                              \
    {                                                                                              \
        "methods", FIELD_LIST, false, 1, 5                                                         \
    }

#endif
