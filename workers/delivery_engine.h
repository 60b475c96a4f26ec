/* Deliveries as a part of a worker: the handlers that it knows, and what calls them.
 * Threading: the main thread. */
#ifndef POSTERN_DELIVERY_ENGINE_H
#define POSTERN_DELIVERY_ENGINE_H

#include "workers/delivery.h"
#include "workers/waits.h"
#include "workers/worker.h"

/* For a role. What it makes is a delivery_engine_t. */
extern const worker_engine_t delivery_engine;

typedef struct {
    handlers_t *handlers;
    delivery_t *delivery;
    waits_t *waits;
    journal_t *journal;
    message_t *judge; /* of answers that are kept */
} delivery_engine_t;

#endif
