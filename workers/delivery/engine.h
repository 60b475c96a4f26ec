/* Deliveries as a part of a worker: the handlers that the worker knows, and the delivery_t that
 * calls them. Threading: the main thread. */
#ifndef POSTERN_WORKERS_DELIVERY_ENGINE_H
#define POSTERN_WORKERS_DELIVERY_ENGINE_H

#include "workers/delivery/delivery.h"
#include "workers/delivery/waits.h"
#include "workers/loop/worker.h"

/* The engine of a worker_role_t. Its make returns a delivery_engine_t. */
extern const worker_engine_t delivery_engine;

typedef struct {
    handlers_t *handlers;
    delivery_t *delivery;
    waits_t *waits;
    journal_t *journal;
    message_t *judge; /* of answers that are kept */
} delivery_engine_t;

#endif
