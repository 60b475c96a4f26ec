#include "authd/manage/manage.h"

#include <poll.h>

typedef struct {
    manage_answer_t *answer;
    bool done;
} synchronous_t;

static void s_on_done(void *arg, manage_answer_t *answer)
{
    synchronous_t *self = arg;
    *self->answer = *answer;
    *answer = (manage_answer_t){0};
    self->done = true;
}

void manage_run_as(manage_t *self, const actor_t *actor, unsigned op, slice_t target, slice_t body,
                   manage_answer_t *answer)
{
    synchronous_t wait = {.answer = answer};
    manage_request_t request = {
        .actor = actor, .op = op, .target = target, .body = body, .if_match = slice("", 0)};
    if (manage_start(self, &request, answer, s_on_done, &wait))
        return;
    while (!wait.done) {
        struct pollfd at[] = {{.fd = manage_fd(self), .events = POLLIN},
                              {.fd = manage_copies_fd(self), .events = POLLIN}};
        poll(at, 2, -1);
        manage_turn(self);
    }
}

void manage_run(manage_t *self, unsigned op, slice_t target, slice_t body, manage_answer_t *answer)
{
    manage_run_as(self, &manage_control, op, target, body, answer);
}
