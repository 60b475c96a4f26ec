/* libcurl, loaded when the first URL is asked for: it and the libraries that it brings take as long
 * to load as all others together, and most commands ask for no URL. Threading: one thread. */
#ifndef POSTERN_LIBCURL_H
#define POSTERN_LIBCURL_H

#include <curl/curl.h>

#define LIBCURL_CALLS(CALL)                                                                        \
    CALL(easy_cleanup)                                                                             \
    CALL(easy_getinfo)                                                                             \
    CALL(easy_init)                                                                                \
    CALL(easy_perform)                                                                             \
    CALL(easy_setopt)                                                                              \
    CALL(easy_strerror)                                                                            \
    CALL(multi_add_handle)                                                                         \
    CALL(multi_cleanup)                                                                            \
    CALL(multi_info_read)                                                                          \
    CALL(multi_init)                                                                               \
    CALL(multi_perform)                                                                            \
    CALL(multi_poll)                                                                               \
    CALL(multi_remove_handle)                                                                      \
    CALL(share_init)                                                                               \
    CALL(share_setopt)                                                                             \
    CALL(slist_append)                                                                             \
    CALL(slist_free_all)

typedef struct {
#define LIBCURL_CALL(name) __typeof__(curl_##name) *name; /* curl_NAME */
    LIBCURL_CALLS(LIBCURL_CALL)
#undef LIBCURL_CALL
} libcurl_t;

/* Exits with CTL_REFUSED and the reason where there is none. */
const libcurl_t *libcurl(void);

#endif
