/* Files and directories that root makes for other users, or gives them. The directory above must be
 * such that nobody but root can exchange names in it (path_check); a file or directory that is
 * there already must belong to root, to the user to whom it is given, or to its former owner, have
 * one name, and be no symbolic link. It is held by a descriptor before it is looked at.
 *
 * Each function gives 0; or -1 with errno and the reason, which says what to do, in ERR (PATH_ERROR
 * bytes at most). Threading: any thread. */
#ifndef POSTERN_GRANT_H
#define POSTERN_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* As the former owner: whoever has it. */
#define GRANT_ANYBODY ((uid_t)-1)

typedef struct {
    uid_t user;
    gid_t group;
    mode_t mode;  /* of a directory that is no tree; all else has 0700 or 0600 */
    uid_t former; /* 0: nobody but root */
    bool emptied; /* a directory that was the former owner's: what he has put there is removed */
} grant_t;

/* A directory, made where it is missing, without what is in it (but see emptied). */
int grant_directory(const char *path, const grant_t *to, char *err, size_t err_size);
/* A directory, made where it is missing, with all that is in it. */
int grant_tree(const char *path, const grant_t *to, char *err, size_t err_size);
/* A file, made empty where it is missing. */
int grant_file(const char *path, const grant_t *to, char *err, size_t err_size);
/* A file, where it is there. */
int grant_found(const char *path, const grant_t *to, char *err, size_t err_size);

/* The file or directory NAME in the directory PARENT, with all below it. 0, or -1 with errno. */
int grant_below(int parent, const char *name, const grant_t *to);

#endif
