/* A delivery in JSON, with its attempts. Threading: the journal's. */
#ifndef POSTERN_WORKERS_DELIVERY_LOG_ROW_H
#define POSTERN_WORKERS_DELIVERY_LOG_ROW_H

#include "workers/journal/outbox.h"
#include "workers/message/json_out.h"

typedef enum {
    LOG_ROW_LISTED,
    LOG_ROW_BARE,  /* without what was answered */
    LOG_ROW_SHOWN, /* with each attempt's trace */
} log_row_t;

/* NOW_MS: the running clock. */
void log_row(json_out_t *out, journal_reader_t *reader, uint64_t now_ms, const outbox_item_t *item,
             log_row_t how);

#endif
