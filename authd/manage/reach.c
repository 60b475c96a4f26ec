#include "authd/manage/reach.h"

#include "common/base/http_url.h"

#include <stdio.h>

void reach_warn(const task_t *task, slice_t url, char warning[REACH_WARNING])
{
    http_url_t parsed;
    char err[256];
    const egress_t *egress = task->limits->egress;
    *warning = '\0';
    if (!egress || !http_url_parse(url, &parsed, err, sizeof err) || !parsed.is_address)
        return;
    const char *why = egress_refusal_of(egress, &parsed.address);
    bool never = egress_is_never(&parsed.address);
    if (why)
        snprintf(warning, REACH_WARNING,
                 "%s is not called (%s): each try ends as "
                 "forbidden_address%s.",
                 parsed.host, why,
                 never ? ", whatever the settings say"
                       : ", unless the setting delivery.allow names it and the workers are "
                         "restarted");
}

void reach_add(task_t *task, const char *warning)
{
    if (*warning)
        json_object_set_new(task->result, "warning", json_string(warning));
}
