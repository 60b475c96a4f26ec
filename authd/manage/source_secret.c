#include "authd/manage/source_secret.h"

#include "authd/directory/table.h"
#include "authd/judge/heard.h"
#include "common/base/header_class.h"
#include "common/base/secret.h"
#include "common/source/presets.h"
#include "common/source/shown.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { PREFIX = 6 };

bool source_scheme(slice_t text, scheme_t *scheme, json_t **declared, scheme_json_t *read,
                   char *err, size_t err_size)
{
    json_error_t error;
    const preset_t *preset = preset_find(text);
    *declared = NULL;
    if (preset)
        return scheme_read(&preset->texts, scheme, err, err_size);
    if (!text.len || *text.data != '{') {
        snprintf(err, err_size,
                 "there is no preset of this name; posternctl source presets lists them");
        return false;
    }
    *declared = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!*declared) {
        snprintf(err, err_size, "it is not valid JSON: line %d, column %d", error.line,
                 error.column);
        return false;
    }
    return scheme_json_read(*declared, read, err, err_size) &&
           scheme_read(&read->texts, scheme, err, err_size);
}

static bool s_is_authorization(const scheme_t *scheme)
{
    return source_is_shown(scheme) && slice_is(scheme->header, "authorization");
}

static error_code_t s_check_shown(task_t *task, const scheme_t *scheme)
{
    if (!source_is_shown(scheme) || s_is_authorization(scheme) ||
        header_class(scheme->header) == HEADER_SECRET)
        return ERROR_none;
    return task_field(task, ERROR_invalid_param, "scheme",
                      "header %.*s would be kept with the message: of those that are a secret the "
                      "name ends in token, secret, password, apikey or -key, or begins with "
                      "x-auth-.",
                      SLICE_ARG(scheme->header));
}

error_code_t source_scheme_take(task_t *task, source_t *source, source_room_t *room)
{
    json_t *declared;
    scheme_json_t read;
    scheme_t scheme;
    char err[MANAGE_MESSAGE - 16];
    if (!source->scheme.len)
        return ERROR_none;
    bool good = source_scheme(source->scheme, &scheme, &declared, &read, err, sizeof err);
    if (good && declared) {
        source_texts_pack(&room->declared, &read.texts);
        source->declared = slice(room->declared.data, room->declared.len);
    }
    error_code_t code = good ? s_check_shown(task, &scheme)
                             : task_field(task, ERROR_invalid_param, "scheme", "%s.", err);
    json_decref(declared); /* the scheme's texts lie in it */
    return code;
}

/* Whether the scheme asks for what a request with a token cannot have, or does not tell: the URL,
 * or a header that is the token. */
static bool s_needs_address(const source_t *source)
{
    json_t *declared;
    scheme_json_t read;
    scheme_t scheme;
    char err[MANAGE_MESSAGE];
    if (!source->scheme.len)
        return false;
    bool good = source_scheme(source->scheme, &scheme, &declared, &read, err, sizeof err);
    good = good &&
           (source->waits_ms || scheme_signs(&scheme, PART_URL) || s_is_authorization(&scheme));
    json_decref(declared); /* the scheme's texts lie in it */
    return good;
}

error_code_t source_url_check(task_t *task, const source_t *source)
{
    if (source_has_address(source) || !s_needs_address(source))
        return ERROR_none;
    return source->required
               ? task_field(task, ERROR_invalid_param, "for_token",
                            "is needed: this sender signs the URL, shows its secret as "
                            "Authorization or tells it, so it is to post to the source's own "
                            "address, as the token that the source is for.")
               : task_field(task, ERROR_invalid_param, "required",
                            "must be true: this sender signs the URL, shows its secret as "
                            "Authorization or tells it, so it is to post to the source's own "
                            "address, where that is the credential.");
}

/* A random secret as the scheme writes it; false: only the sender can make one. */
static bool s_make(const scheme_t *scheme, char made[WHSEC_TEXT])
{
    whsec_t secret;
    if (scheme->alg == ALG_ED25519 || scheme->alg == ALG_ECDSA_P256)
        return false;
    whsec_make(&secret);
    if (scheme->key == KEY_HEX)
        sodium_bin2hex(made, WHSEC_TEXT, secret.bytes, secret.len);
    else
        whsec_text(&secret, made);
    if (scheme->key == KEY_BASE64)
        memmove(made, made + PREFIX, strlen(made + PREFIX) + 1);
    whsec_wipe(&secret);
    return true;
}

static error_code_t s_take(task_t *task, const scheme_t *scheme, source_room_t *room, slice_t *text)
{
    source_key_t key;
    char err[MANAGE_MESSAGE - 16];
    *text = task_text(task, "secret");
    if (!json_object_get(task->args, "secret")) {
        if (!s_make(scheme, room->made))
            return task_field(task, ERROR_invalid_param, "secret",
                              "is missing: it is the public key that the sender shows.");
        *text = slice_of(room->made);
    }
    bool good = source_key_read(scheme, *text, &key, err, sizeof err);
    source_key_wipe(&key);
    return good ? ERROR_none : task_field(task, ERROR_invalid_param, "secret", "%s.", err);
}

/* Whether the secret is the sender's to tell; then the source waits for it. */
static bool s_waits(const task_t *task, source_t *source)
{
    bool waits = source_tells(source) && !json_object_get(task->args, "secret");
    source->waits_ms = waits ? task->now_ms + SOURCE_WAITS_MS : 0;
    return waits;
}

error_code_t source_secret_add(task_t *task, source_t *source, source_room_t *room)
{
    json_t *declared;
    scheme_json_t read;
    scheme_t scheme;
    slice_t text;
    char err[MANAGE_MESSAGE - 16];
    assert(source->secrets < SOURCE_KEYS);
    if (s_waits(task, source))
        return source_url_check(task, source);
    bool good = source_scheme(source->scheme, &scheme, &declared, &read, err, sizeof err);
    error_code_t code = good ? s_take(task, &scheme, room, &text)
                             : task_field(task, ERROR_invalid_param, "scheme", "%s.", err);
    json_decref(declared);
    if (code != ERROR_none)
        return code;
    sealing_key_seal(table_master_key(task->view), text, room->secret);
    source->secret[source->secrets++] =
        (sealed_t){slice(room->secret, text.len + SEALING_OVERHEAD), task->now_ms, 0};
    return ERROR_none;
}

void source_secret_end(source_t *source, uint64_t now_ms, uint64_t until_ms)
{
    sealed_end(source->secret, source->secrets, until_ms);
    source->secrets = sealed_drop_expired(source->secret, source->secrets, now_ms);
}

/* Notion's is to be typed in at the sender's again, so its owner has to see it. */
void source_show_told(const task_t *task, const source_t *source)
{
    char text[SOURCE_KEY_TEXT];
    const preset_t *preset = source_tells(source);
    if (!preset || preset->handshake != HANDSHAKE_notion || !source->secrets || !source->told_ms ||
        source->told_ms + SOURCE_WAITS_MS <= task->now_ms)
        return;
    const sealed_t *newest = &source->secret[source->secrets - 1];
    slice_t plain = sealed_open(task->view, newest->sealed, text, sizeof text, "directory.source");
    if (plain.len)
        json_object_set_new(task->result, "secret", task_json_text(plain));
    secret_wipe(text, sizeof text);
}

void source_token_take(task_t *task, source_t *source, source_room_t *room)
{
    slice_t text = task_text(task, "verify_token");
    if (!json_object_get(task->args, "verify_token"))
        return;
    source->sealed_token = slice("", 0);
    if (!text.len)
        return;
    sealing_key_seal(table_master_key(task->view), text, room->token);
    source->sealed_token = slice(room->token, text.len + SEALING_OVERHEAD);
}

void source_room_wipe(source_room_t *room)
{
    secret_wipe(room->made, sizeof room->made);
    pack_free(&room->declared);
}
