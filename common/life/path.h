/* Paths that root, or an operator, uses in directories that other users may write.
 *
 * A symbolic link is followed only where nobody but root or ourselves could have made it: it and
 * the directory that it lies in belong to one of them. What lies at the end of a path is held by
 * its descriptor before it is looked at, so that it cannot be exchanged between the look and the
 * use.
 *
 * Each function gives 0 or a descriptor; or -1 with errno and the reason, which says what to do, in
 * ERR. Descriptors are closed on exec. Threading: any thread. */
#ifndef POSTERN_PATH_H
#define POSTERN_PATH_H

#include <stddef.h>
#include <sys/types.h>

enum { PATH_ERROR = 4400 }; /* bytes that a reason takes at most */

/* Opens a regular file that has one name only, FLAGS and MODE as open(2) has them. A link in the
 * place of the file is refused, whoever made it. */
int path_open(const char *path, int flags, mode_t mode, char *err, size_t err_size);

/* Opens the directory at PATH (O_PATH). */
int path_directory(const char *path, char *err, size_t err_size);

/* Opens the directory that holds PATH's last name (O_PATH); *name points into PATH. */
int path_parent(const char *path, const char **name, char *err, size_t err_size);

/* Makes a directory and its parents, 0755, where they are missing; the last with mode 0700. Returns
 * the directory (O_PATH). */
int path_make(const char *path, char *err, size_t err_size);

/* Gives what is at PATH to a user, where it is root's: a directory, or a file with one name. 0 also
 * where there is nothing, or it is that user's already. Refuses what is somebody else's, and what
 * lies in a directory that others than root can write, because they choose what has that name. */
int path_give(const char *path, uid_t uid, gid_t gid, char *err, size_t err_size);

/* Who may write the directories of a path, beside root and ourselves. */
typedef struct {
    uid_t user;       /* this user, too: geteuid() for nobody else */
    const char *base; /* whoever owns a directory on the way to this one (absolute): "" for none */
} path_trust_t;

/* Whether nobody but those of TRUST can make, rename or remove anything in DIRECTORY, or exchange a
 * directory above it: none belongs to somebody else, none can be written by its group or by others,
 * but those above with the sticky bit (/tmp). What is not there yet is no fault. */
int path_check(const char *directory, const path_trust_t *trust, char *err, size_t err_size);

#endif
