#include "workers/post/incoming.h"

#include "common/base/ops.h"

/* Without a body what the sender says is in the query. */
static bool s_says_by_query(const job_t *job)
{
    return job_body(job).len == 0 && job->request->params.len > 0;
}

void post_incoming(post_t *self, job_t *job)
{
    if (job->request->method == OP_HEAD)
        job->kind = JOB_ANSWERED; /* a sender asks whether the address is good */
    else if (s_says_by_query(job))
        post_query(self, job);
    else
        post_message(self, job);
}
