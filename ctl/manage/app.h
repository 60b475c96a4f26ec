/* Parts of an extension's description by authd. */
#ifndef POSTERN_CTL_MANAGE_APP_H
#define POSTERN_CTL_MANAGE_APP_H

#include <jansson.h>
#include <stdbool.h>

/* The app-id of one of its two apps ("sandbox", "marketplace"), NULL when the reply has none. The
 * text lives as long as the reply. */
const char *app_id_of(const json_t *extension, const char *environment);

/* The complete endpoint URL with the appkey, and TOKEN as zapikey where it is not NULL. The
 * caller's; NULL when the reply lacks the app. */
char *app_url(const char *base, const json_t *extension, const char *environment,
              const char *token);

#endif
