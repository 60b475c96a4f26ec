/* How a channel, a bot or an extension is shown to people: in rows of their own, so that the record
 * that a verdict reads stays short.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_PROFILES_H
#define POSTERN_PROFILES_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

enum { PROFILE_NAME_MOST = 256, PROFILE_DESCRIPTION_MOST = 2000, PROFILE_PICTURE_MOST = 2048 };

/* Each may be empty. */
typedef struct {
    slice_t name, description;
    slice_t picture; /* an https URL */
} profile_t;

/* Empty where there is none. */
void profiles_get(view_t *view, const uuid_t7 *id, profile_t *profile);
/* Writes PROFILE, whose slices may be the view's. */
void profiles_put(view_t *view, const uuid_t7 *id, const profile_t *profile);

#endif
