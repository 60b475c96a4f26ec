/* The secrets of a source: given, or made; checked against its scheme, and sealed. Private to
 * authd/manage. */
#ifndef POSTERN_AUTHD_MANAGE_SOURCE_SECRET_H
#define POSTERN_AUTHD_MANAGE_SOURCE_SECRET_H

#include "authd/directory/sources.h"
#include "authd/manage/task.h"
#include "common/base/whsec.h"
#include "common/source/scheme_json.h"
#include "common/store/sealing_key.h"

/* Room for what is put into a source anew; wiped by source_secret_wipe. */
typedef struct {
    char made[WHSEC_TEXT]; /* a secret that was made; "": it was given */
    uint8_t secret[SOURCE_KEY_TEXT + SEALING_OVERHEAD];
    pack_t declared; /* the texts of a declared scheme */
    uint8_t token[SOURCE_VERIFY_TOKEN + SEALING_OVERHEAD];
} source_room_t;

/* Reads a preset's name or a declaration. False with the reason in err. */
bool source_scheme(slice_t text, scheme_t *scheme, json_t **declared, scheme_json_t *read,
                   char *err, size_t err_size);

/* Reads the source's scheme, and takes it over; nothing where there is none. */
error_code_t source_scheme_take(task_t *task, source_t *source, source_room_t *room);

/* Whether the source has what its scheme needs: a sender that signs the URL posts to an address
 * without a token. */
error_code_t source_url_check(task_t *task, const source_t *source);

/* Adds the argument "secret", or one that it makes, as the newest; without that, a source whose
 * sender tells its secret waits for it. */
error_code_t source_secret_add(task_t *task, source_t *source, source_room_t *room);
/* What has expired is dropped; what lives on ends at UNTIL_MS at the latest. */
void source_secret_end(source_t *source, uint64_t now_ms, uint64_t until_ms);
/* Adds to the result the secret that Notion has told, for SOURCE_WAITS_MS. */
void source_show_told(const task_t *task, const source_t *source);
/* The argument "verify_token", where it is given; an empty one takes it away. */
void source_token_take(task_t *task, source_t *source, source_room_t *room);

void source_room_wipe(source_room_t *room);

#endif
