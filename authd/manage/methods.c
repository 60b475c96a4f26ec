#include "authd/manage/methods.h"

json_t *methods_json(unsigned methods)
{
    unsigned all = op_find(OP_bot_incoming)->methods;
    json_t *names = json_array();
    for (unsigned bit = OP_GET; bit <= OP_DELETE; bit <<= 1)
        if ((methods ? methods : all) & bit)
            json_array_append_new(names, json_string(op_method_name(bit)));
    return names;
}

error_code_t methods_edit(task_t *task, unsigned *methods)
{
    size_t i;
    json_t *name;
    unsigned given = 0;
    json_array_foreach (task_list(task, "methods"), i, name) {
        unsigned bit = op_method_of(json_string_value(name), json_string_length(name));
        if (!bit)
            return task_item(task, ERROR_invalid_param, "methods", i,
                             "must be GET, HEAD, POST, PUT or DELETE.");
        given |= bit;
    }
    *methods = given ? given : *methods;
    return ERROR_none;
}
