/* posternctl channel … */
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/owned.h"

static const unsigned s_endpoints[] = {OP_channel_message, 0};

int channel_create_run(ctl_t *ctl)
{
    json_t *body = owned_body(ctl, "members");
    if (!body)
        return CTL_USAGE;
    return owned_show(ctl, ctl_call(ctl, OP_channel_create, "", body), s_endpoints);
}

int channel_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_channel_list, "", "channels", "name id owner created");
}

int channel_show_run(ctl_t *ctl)
{
    return owned_show(ctl, ctl_call(ctl, OP_channel_show, ctl_argument(ctl, 0), NULL), s_endpoints);
}

int channel_delete_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_channel_delete, ctl_argument(ctl, 0), NULL, "Channel archived.");
}

int channel_member_add_run(ctl_t *ctl)
{
    return owned_user(ctl, OP_channel_member_add, "Member added.");
}

int channel_member_remove_run(ctl_t *ctl)
{
    return owned_user(ctl, OP_channel_member_remove, "Member removed.");
}
