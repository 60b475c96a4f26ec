/* Endpoint URLs, made from the paths of ops.def. The texts returned are the caller's. */
#ifndef POSTERN_URL_H
#define POSTERN_URL_H

/* BASE (a slash at its end does not matter) + /api/v2 + the operation's path with TARGET, escaped,
 * in its place. */
char *url_make(const char *base, unsigned op, const char *target);

/* BASE with NAME, escaped, behind it. */
char *url_under(const char *base, const char *name);

/* Adds a query parameter, escaped; URL is freed and replaced. */
void url_add(char **url, const char *name, const char *value);

#endif
