/* What a look has found, as the JSON of GET /health. Threading: as the look. */
#ifndef POSTERN_GATEWAY_HEALTH_REPORT_H
#define POSTERN_GATEWAY_HEALTH_REPORT_H

#include "gateway/health/look.h"

/* BY: the gateway that looked. The caller's to free. */
char *report_json(const look_t *look, const char *by);

#endif
