#include "common/source/scheme_json.h"

#include <stdio.h>

bool scheme_json_read(const json_t *object, scheme_json_t *read, char *err, size_t err_size)
{
    const char *name;
    json_t *value;
    memset(read, 0, sizeof *read);
    if (!json_is_object(object)) {
        snprintf(err, err_size, "a scheme is a JSON object");
        return false;
    }
    json_object_foreach ((json_t *)object, name, value) {
        scheme_field_t field = scheme_field(slice_of(name));
        if (field == SCHEME_FIELDS) {
            snprintf(err, err_size, "%.40s: there is no such field of a scheme", name);
            return false;
        }
        if (field == SCHEME_TOLERANCE_S && json_is_integer(value)) {
            int len = snprintf(read->tolerance, sizeof read->tolerance, "%" JSON_INTEGER_FORMAT,
                               json_integer_value(value));
            read->texts.field[field] = slice(read->tolerance, (size_t)len);
        } else if (json_is_string(value)) {
            read->texts.field[field] = slice(json_string_value(value), json_string_length(value));
        } else {
            snprintf(err, err_size, "%s: must be a string", name);
            return false;
        }
    }
    return true;
}

json_t *scheme_json_write(const scheme_texts_t *texts)
{
    json_t *object = json_object();
    for (unsigned f = 0; f < SCHEME_FIELDS; f++)
        if (texts->field[f].len)
            json_object_set_new(object, scheme_field_names[f],
                                json_stringn(texts->field[f].data, texts->field[f].len));
    return object;
}
