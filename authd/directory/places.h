/* Channels and bots: named places with an owner and a list of people (a channel's members, a bot's
 * subscribers). An archived place keeps its name, its people and what was posted.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_PLACES_H
#define POSTERN_PLACES_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

typedef enum { PLACE_CHANNEL, PLACE_BOT } place_kind_t;

typedef struct {
    uuid_t7 id, owner;
    slice_t name; /* unique among its kind: [a-z0-9_], at most place_name_most () */
    uint64_t created_ms;
    uint64_t archived_ms; /* 0: in use */
    slice_t reason;       /* why it is archived; may be empty */
    unsigned methods;     /* of a bot: which make events, bits of OP_…; 0: all */
} place_t;

enum { PLACE_REASON_MOST = 200 };

size_t place_name_most(place_kind_t kind);
bool place_is_name(place_kind_t kind, slice_t name);

/* Archived ones too. */
bool places_get(view_t *view, place_kind_t kind, const uuid_t7 *id, place_t *place);
bool places_named(view_t *view, place_kind_t kind, slice_t name, place_t *place);
/* By name, or else by id text. */
bool places_find(view_t *view, place_kind_t kind, slice_t name_or_id, place_t *place);
/* The next by id past AFTER (NULL: the first). */
bool places_next(view_t *view, place_kind_t kind, const uuid_t7 *after, place_t *place);

/* The next by id past AFTER of which the user is among the people; archived ones too. */
bool places_next_of(view_t *view, place_kind_t kind, const uuid_t7 *person, const uuid_t7 *after,
                    uuid_t7 *place);
/* The next by id past AFTER of which the user is the owner or among the people. */
bool places_next_seen(view_t *view, place_kind_t kind, const uuid_t7 *user, const uuid_t7 *after,
                      place_t *place);

/* How many a user owns, archived ones too, up to MOST. */
unsigned places_owned(view_t *view, place_kind_t kind, const uuid_t7 *owner, unsigned most);

/* 0, or -1 when the name is taken, also by an archived place. */
int places_add(view_t *view, place_kind_t kind, const place_t *place);
/* Writes a changed record: everything but id. -1 when the new name is taken, and nothing is
 * changed. PLACE holds no slice of the view's. */
int places_edit(view_t *view, place_kind_t kind, const place_t *place);
void places_archive(view_t *view, place_kind_t kind, const uuid_t7 *id, uint64_t now_ms,
                    slice_t reason);

/* The people of a place. add and remove: false when nothing changed. */
bool place_has(view_t *view, place_kind_t kind, const uuid_t7 *place, const uuid_t7 *user);
bool place_add(view_t *view, place_kind_t kind, const uuid_t7 *place, const uuid_t7 *user,
               uint64_t now_ms);
bool place_remove(view_t *view, place_kind_t kind, const uuid_t7 *place, const uuid_t7 *user);
/* Puts user TO wherever FROM is among the people. */
void places_join(view_t *view, place_kind_t kind, const uuid_t7 *from, const uuid_t7 *to,
                 uint64_t now_ms);
/* The next user's id past AFTER (NULL: the first). */
bool place_next(view_t *view, place_kind_t kind, const uuid_t7 *place, const uuid_t7 *after,
                uuid_t7 *user);

/* Makes the kind's indexes anew. */
void places_index(view_t *view, place_kind_t kind);

#endif
