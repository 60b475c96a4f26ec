/* A worker process. WORKER_KIND, the constant of its kind in common/kinds.def, and WORKER_ENGINE,
 * where it delivers to handlers, are the build's. */
#include "workers/loop/worker.h"

#ifdef WORKER_ENGINE
#include "workers/delivery/engine.h"
static const worker_role_t s_role = {WORKER_KIND, &delivery_engine};
#else
static const worker_role_t s_role = {WORKER_KIND, NULL};
#endif

int main(int argc, char **argv)
{
    return worker_main(&s_role, argc, argv);
}
