/* posternctl channel … */
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/manage/owned.h"

int channel_create_run(ctl_t *ctl)
{
    json_t *body = owned_body(ctl, "members");
    if (!body)
        return CTL_USAGE;
    return ctl_do(ctl, OP_channel_create, "", body, NULL);
}

int channel_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_channel_list, "", "channels", "name id owner created urls");
}

int channel_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_channel_show, ctl_argument(ctl, 0), NULL, NULL);
}

int channel_edit_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_channel_edit, ctl_argument(ctl, 0), owned_changes(ctl), NULL);
}

int channel_delete_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_channel_delete, ctl_argument(ctl, 0), owned_changes(ctl),
                  "Channel archived.");
}

int channel_member_add_run(ctl_t *ctl)
{
    return owned_user(ctl, OP_channel_member_add, "Member added.");
}

int channel_member_remove_run(ctl_t *ctl)
{
    return owned_user(ctl, OP_channel_member_remove, "Member removed.");
}
