/* Who there is, for whoever wants to add somebody: names and addresses, nothing else. */
#include "authd/manage/filter.h"
#include "authd/manage/known.h"

/* Whether who asks may see USER; *left: how many places may be looked at for that. */
static bool s_sees(task_t *task, const user_t *user, unsigned *left)
{
    return task->actor->role != USER_MEMBER || task->limits->people ||
           known_shares(task, &user->id, left);
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    user_t user;
    unsigned left = KNOWN_LOOKS;
    error_code_t code = page_begin(&page, task, "people", PAGE_BY_NAME | PAGE_BY_EMAIL);
    if (code != ERROR_none)
        return code;
    page.plain = true;
    do {
        left = KNOWN_LOOKS;
        for (bool more = users_next(task->view, page_after(&page), &user); more && left > 0;
             more = users_next(task->view, &user.id, &user)) {
            page_key_t key = page_key_of_user(&page, &user);
            bool fits = user.deleted_ms == 0 && !user.service &&
                        (task_q(task, user.name) || task_q(task, user.email)) &&
                        s_sees(task, &user, &left);
            if (fits ? page_wants(&page, &user.id, &key) &&
                           !page_add(&page, &user.id, task_json_person(&user))
                     : !page_skip(&page, &user.id))
                break;
        }
        page_cut(&page, left == 0);
    } while (page_again(&page));
    return page_end(&page, task);
}

const task_row_t manage_people[] = {
    {OP_people_list, s_list, {PAGE_Q}},
    {0},
};
