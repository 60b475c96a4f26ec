/* The directory: users, tokens, channels, bots, extensions. Outside authd/directory nobody sees how
 * it is stored: one header a kind of object speaks structs over a view.
 *
 * A view is one transaction. A reading view sees the directory as of its last view_renew, which
 * authd calls after a batch has come, so that a change that was answered before is always seen. A
 * writing view sees its own changes; there is one at a time. Slices that come out of a view point
 * into the store: they hold until the view is released, or in a writing view until the next change.
 *
 * Threading: a view belongs to one thread at a time; several threads may have views of their own.
 * Errors: what is damaged is not found, which view_take_damage and view_commit tell, and is logged
 * (directory.damaged) and counted; of lack of room view_commit tells. What else the store cannot do
 * stops the process (store_fail), and so does a damaged page that a change comes upon. */
#ifndef POSTERN_DIRECTORY_H
#define POSTERN_DIRECTORY_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct directory directory_t;
typedef struct view view_t;

typedef struct {
    const char *path;     /* the store's directory */
    const char *key_path; /* file of the master key */
    uint64_t map_bytes;
    const char *known; /* where this host says which directory it has (common/store/known.h), or
                          NULL; the writer's */
    bool read_only;    /* a reader beside the writer */
} directory_options_t;

/* Opens or makes the directory. The master key is made with it when both are missing; a key without
 * a directory is taken, a directory without its key is refused, and so is a directory that is known
 * (known.h) and not there, or is another one. NULL with the reason in err. */
directory_t *directory_open(const directory_options_t *options, char *err, size_t err_size);
void directory_close(directory_t **self_p); /* views first */

/* Which directory it is: of this file, copies have others. Drawn where there was none; not beside
 * a writing view. */
uuid_t7 directory_id(directory_t *self);

/* True while there is room for new objects; removals work without room, too. When there is none,
 * looks anew whether the file is there. */
bool directory_has_room(directory_t *self);
/* True while its file is where it was opened, as of the last directory_check_room; else what is
 * written may have no name. */
bool directory_is_there(const directory_t *self);
/* Every 30 s by the writer: clears what dead readers held, sets metrics. */
void directory_inspect(directory_t *self);
/* Each second by the writer: sets the check "directory". */
void directory_check_room(directory_t *self);

/* A reading view, released at first. */
view_t *view_new(directory_t *directory);
/* From here on the view remembers where rows lie (rows.h): for readers of the same rows again and
 * again. */
void view_remember(view_t *self);
void view_destroy(view_t **self_p);
void view_renew(view_t *self);
void view_release(view_t *self);

/* Whether a read met damage since the view was renewed or asked: then an object that was not found
 * may be there all the same, and the view has found nothing since. Renews the view, which ends its
 * slices. */
bool view_take_damage(view_t *self);
/* From here on a row that is damaged is passed over as if it were not there, and neither read nor
 * changed; or not any more. For code that puts rows in order, and answers nobody. */
void view_tolerate(view_t *self, bool tolerates);

/* How a writing view ended; but for VIEW_DONE nothing was changed. */
typedef enum {
    VIEW_DONE = 0,
    VIEW_FULL = -1,    /* no room */
    VIEW_DAMAGED = -2, /* it came upon damage */
    VIEW_AWAY = -3,    /* what the copies share cannot be reached: begun, or ended; then it is not
                          known whether the change was made */
    VIEW_STALE = -4,   /* of a copy: it has another mark */
} view_outcome_t;
/* The text of an outcome, for the log. */
const char *view_outcome_text(view_outcome_t outcome);

/* A writing view; waits for another writer. It ends by view_commit or view_abort, which free it. */
view_t *view_begin(directory_t *directory);
view_outcome_t view_commit(view_t **self_p);
/* Whether the view came upon damage; and whether what the copies share could not be reached, and it
 * finds nothing for that. */
bool view_is_damaged(const view_t *self);
bool view_is_away(const view_t *self);
void view_abort(view_t **self_p);

/* A writing view of what is not shared: the counters of use, and what came from another copy. */
view_t *view_begin_own(directory_t *directory);

/* What a copy holds (copy.h): the number and the id of its last change. */
typedef struct {
    uint64_t number;
    uuid_t7 change;
} copy_mark_t;

/* Where changes are shared with the other copies. begin keeps all others from changing, has the
 * directory hold all changes that were made before, and says which MARK this change has. share
 * makes the change the others' (REDO: redo.h), before it is made here: VIEW_DONE, or it is not made
 * here. drop ends what begin began, also after share. By the thread of the view. */
typedef struct {
    view_outcome_t (*begin)(void *arg, copy_mark_t *mark);
    view_outcome_t (*share)(void *arg, slice_t redo);
    void (*drop)(void *arg);
    void *arg;
} sharing_t;
/* From here on writing views go that way; borrowed. Before there are writing views. */
void directory_share(directory_t *self, const sharing_t *sharing);

#endif
