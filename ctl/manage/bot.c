/* posternctl bot … */
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/manage/handler.h"
#include "ctl/manage/owned.h"

int bot_create_run(ctl_t *ctl)
{
    json_t *body = owned_body(ctl, "subscribers");
    if (!body)
        return CTL_USAGE;
    return ctl_do(ctl, OP_bot_create, "", body, NULL);
}

int bot_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_bot_list, "", "bots", "name id owner created urls");
}

int bot_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_bot_show, ctl_argument(ctl, 0), NULL, NULL);
}

int bot_edit_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_bot_edit, ctl_argument(ctl, 0), owned_changes(ctl), NULL);
}

int bot_handler_set_run(ctl_t *ctl)
{
    return handler_set(ctl, OP_bot_handler_set, false);
}

int bot_handler_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_bot_handler_show, ctl_argument(ctl, 0), NULL, NULL);
}

int bot_handler_clear_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_bot_handler_clear, ctl_argument(ctl, 0), NULL, "Handler cleared.");
}

int bot_handler_rotate_run(ctl_t *ctl)
{
    return handler_rotate(ctl, OP_bot_handler_rotate, false);
}

int bot_delete_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_bot_delete, ctl_argument(ctl, 0), owned_changes(ctl), "Bot archived.");
}

int bot_subscriber_add_run(ctl_t *ctl)
{
    return owned_user(ctl, OP_bot_subscriber_add, "Subscriber added.");
}

int bot_subscriber_remove_run(ctl_t *ctl)
{
    return owned_user(ctl, OP_bot_subscriber_remove, "Subscriber removed.");
}
