/* How many streams there are, in all and of one token, for all lanes of the process.
 * Threading: any thread. */
#ifndef POSTERN_GATEWAY_STREAM_QUOTA_H
#define POSTERN_GATEWAY_STREAM_QUOTA_H

#include "common/base/uuid.h"

typedef struct quota quota_t;

typedef enum { QUOTA_TAKEN, QUOTA_FULL, QUOTA_TOKEN_FULL } quota_result_t;

quota_t *quota_new(unsigned most, unsigned most_of_token);
/* Each QUOTA_TAKEN is followed by one quota_leave. */
quota_result_t quota_enter(quota_t *self, const uuid_t7 *token);
void quota_leave(quota_t *self, const uuid_t7 *token);

#endif
