/* Parts of an extension's description by authd. */
#ifndef POSTERN_CTL_MANAGE_EXTENSION_H
#define POSTERN_CTL_MANAGE_EXTENSION_H

#include <jansson.h>
#include <stdbool.h>

/* The app-id of one of its two apps ("sandbox", "marketplace"), NULL when the reply has none. The
 * text lives as long as the reply. */
const char *extension_app_id(const json_t *extension, const char *environment);

/* The complete endpoint URL with the appkey, and TOKEN as zapikey where it is not NULL. The
 * caller's; NULL when the reply lacks the app. */
char *extension_url(const char *base, const json_t *extension, const char *environment,
                    const char *token);

#endif
