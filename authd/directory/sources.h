/* Sources: how what one sender posts to a channel, a bot or an extension's app is verified, and
 * what of it counts. A target has at most SOURCES_MOST; a source may be for one token alone.
 * Secrets and the verify token are kept encrypted under the master key.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_DIRECTORY_SOURCES_H
#define POSTERN_DIRECTORY_SOURCES_H

#include "authd/directory/directory.h"
#include "authd/directory/sealed.h"
#include "common/base/ops.h"
#include "common/base/uuid.h"
#include "common/source/key.h"
#include "common/source/selection.h"
#include "common/wire/pack.h"

enum {
    SOURCES_MOST = 20, /* of a target */
    SOURCE_NAME = 80,
    SOURCE_FORMAT = 32,
    SOURCE_SCHEME = 2048, /* as JSON */
    SOURCE_VERIFY_TOKEN = 128,
    SOURCE_WAITS_MS = 3600 * 1000, /* for the secret that its sender tells; and so long the owner
                                      sees what was told */
};

typedef struct {
    uuid_t7 id;
    uuid_t7 place;  /* the channel, the bot or the extension */
    uuid_t7 target; /* the same, or the extension's app */
    uuid_t7 token;  /* the token it is for; nil: any */
    op_owner_t kind;
    uint64_t version, created_ms;
    uint64_t waits_ms; /* until when it takes the first secret that is told; 0: it takes none */
    uint64_t told_ms;  /* when one was; 0: none was */
    slice_t name;
    slice_t format;               /* empty: it is found by what comes */
    slice_t scheme;               /* a preset, or a scheme as JSON; empty: nothing is verified */
    slice_t declared;             /* the texts of a declared scheme (common/source/record.h) */
    slice_t only, except, branch; /* globs, one a line; empty: all */
    bool required;                /* what is not signed is refused */
    bool drops_unknown;           /* events that the format does not know */
    bool keeps_raw;               /* events as they came beside their messages */
    slice_t sealed_token;         /* the verify token; empty: none */
    unsigned secrets;
    sealed_t secret[SOURCE_KEYS]; /* oldest first */
} source_t;

/* False when there is none. */
bool sources_get(view_t *view, const uuid_t7 *id, source_t *source);
/* The next by id past AFTER (NULL: the first); the next of a target. */
bool sources_next(view_t *view, const uuid_t7 *after, source_t *source);
bool sources_next_of(view_t *view, const uuid_t7 *target, const uuid_t7 *after, source_t *source);

/* Whose the source is: its channel's, bot's or extension's owner, its name, and whether it is
 * archived. False when it is not there. */
typedef struct {
    uuid_t7 owner;
    slice_t name;
    bool archived;
} source_place_t;
bool source_place(view_t *view, const source_t *source, source_place_t *place);

/* False when the target has SOURCES_MOST. SOURCE holds no slice of the view's. */
bool sources_add(view_t *view, const source_t *source);
/* Writes a changed record: everything but id and target. SOURCE may hold slices of this record, as
 * sources_get gave them. */
void sources_put(view_t *view, const source_t *source);
/* What the request is that a list of sources goes along with. */
typedef struct {
    slice_t url;   /* that was called at a source's own address; empty: another one's */
    slice_t shown; /* headers that may be secrets (pairs) */
} source_asked_t;

/* Whether a target has sources for requests by this token. Then appends their list (record.h) to
 * OUT, secrets in the clear: those that are for the token alone, else those that are for any. Of
 * secrets that come in a header it has what was found among SHOWN instead. The caller wipes it.
 * *FITS: the list is as long as a request can carry, at most. */
bool sources_record(view_t *view, const uuid_t7 *target, const uuid_t7 *token, slice_t shown,
                    uint64_t wall_ms, pack_t *out, bool *fits);

/* Whether the source has an address of its own, where what it signs needs no token: it is required,
 * has a scheme, and is for one token, as which such a request is judged. */
bool source_has_address(const source_t *source);
/* sources_record of this source alone, for a request to its address. */
bool sources_record_own(view_t *view, const source_t *source, const source_asked_t *asked,
                        uint64_t wall_ms, pack_t *out);

/* False when there is none. */
bool sources_delete(view_t *view, const uuid_t7 *id);

#endif
