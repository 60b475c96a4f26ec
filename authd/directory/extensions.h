/* Extensions and their two apps. Each app has an app-id (decimal text, what the URL names), a
 * target id of its own and an appkey, which is kept encrypted under the master key. An archived
 * extension keeps its name and app-ids.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_EXTENSIONS_H
#define POSTERN_EXTENSIONS_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"
#include "common/wire/wire.h"

typedef struct {
    uuid_t7 id, owner;
    slice_t name;    /* unique: [a-z0-9_], 1 to EXTENSION_NAME_MOST, not digits alone */
    uint64_t number; /* the marketplace app-id; the sandbox one is 2^61 + number */
    uint64_t created_ms;
    uint64_t archived_ms; /* 0: in use */
    slice_t reason;       /* why it is archived; may be empty */
    unsigned methods;     /* which make events, bits of OP_…; 0: all */
} extension_t;

typedef struct {
    uuid_t7 target, extension;
    wire_environment_t environment;
    slice_t sealed;   /* the appkey, encrypted */
    slice_t former;   /* the former appkey, in its overlap; may be empty */
    uint64_t ends_ms; /* when the former appkey ends, by the wall clock */
} app_t;

enum { EXTENSION_NAME_MOST = 80, APP_ID_TEXT = 24, APPKEY_MOST = 128 };

bool extension_is_name(slice_t name);

/* False, and an empty extension, when there is none. */
bool extensions_get(view_t *view, const uuid_t7 *id, extension_t *extension);
/* By name, app-id or id text; archived ones too. */
bool extensions_find(view_t *view, slice_t name_or_id, extension_t *extension);
/* The next by id past AFTER (NULL: the first); false at the end. */
bool extensions_next(view_t *view, const uuid_t7 *after, extension_t *extension);

/* The next past AFTER that a user owns. */
bool extensions_next_of(view_t *view, const uuid_t7 *owner, const uuid_t7 *after, uuid_t7 *id);
/* How many a user owns, archived ones too, up to MOST. */
unsigned extensions_owned(view_t *view, const uuid_t7 *owner, unsigned most);

/* Draws the number and both appkeys; sets extension->number. 0, or -1 when the name is taken. */
int extensions_add(view_t *view, extension_t *extension);
/* Writes a changed record: everything but id and number. -1 when the new name is taken. EXTENSION
 * holds no slice of the view's. */
int extensions_edit(view_t *view, const extension_t *extension);
void extensions_archive(view_t *view, const uuid_t7 *id, uint64_t now_ms, slice_t reason);

/* Text of an app-id. */
void extension_app_id(const extension_t *extension, wire_environment_t environment,
                      char text[APP_ID_TEXT]);
/* False when there is no app of this id. */
bool apps_get(view_t *view, slice_t app_id, app_t *app);
/* Decrypts the appkey into text, NUL-terminated: the caller wipes it. Returns its length. */
size_t app_key(view_t *view, const app_t *app, char text[APPKEY_MOST]);
/* Draws a new appkey; the former one opens up to ENDS_MS. */
void app_rotate(view_t *view, slice_t app_id, uint64_t ends_ms);
/* Compares GIVEN in constant time with the appkey, and within its overlap with the former one. */
bool app_key_is(view_t *view, const app_t *app, slice_t given, uint64_t now_ms);

/* Makes the index by owner anew. */
void extensions_index(view_t *view);

#endif
