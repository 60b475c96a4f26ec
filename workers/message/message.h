/* The message object: what a channel, a chat, a buddy or a bot's feed is posted (docs/API). A
 * validator goes through it field by field, from tables, and says what is wrong, with the path of
 * the field: "slides[2].data.rows must be an array of objects".
 *
 * Decisions: lengths count Unicode characters; a field that is not known is ignored; null, and for
 * a text field an empty string or a blank, counts as not set; a name that stands twice in an object
 * whose fields are looked at is refused, a known one or not; \u0000 is a character like any other;
 * a number may be past 64 bits and a double; nesting beyond MESSAGE_DEPTH, bytes that are not UTF-8
 * and half of a surrogate pair make the body no JSON.
 *
 * Threading: an object belongs to one thread at a time. It keeps and reuses its memory; running out
 * of memory aborts. */
#ifndef POSTERN_WORKERS_MESSAGE_MESSAGE_H
#define POSTERN_WORKERS_MESSAGE_MESSAGE_H

#include "common/base/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "common/base/uuid.h"

typedef struct message message_t;

enum {
    MESSAGE_TEXT_CHARS = 5000,
    MESSAGE_SLIDES = 20,
    MESSAGE_BUTTONS = 5,
    MESSAGE_USERIDS = 100,
    MESSAGE_DEPTH = 128,
    MESSAGE_REASON = 256,
    MESSAGE_KEY_CHARS = 128,
    MESSAGE_KEY = 4 * MESSAGE_KEY_CHARS, /* bytes */
    MESSAGE_ID = 64,                     /* bytes of a message's id, which is shorter */
};

typedef enum {
    MESSAGE_OK,
    MESSAGE_NOT_JSON, /* error invalid_json */
    MESSAGE_INVALID,  /* JSON, but not a valid message object: error invalid_message */
} message_outcome_t;

enum {
    MESSAGE_SYNC = 1,       /* sync_message is true */
    MESSAGE_ASYNC = 2,      /* sync_message is there and is false */
    MESSAGE_ATTACHED = 4,   /* attachments or blocks are there, which show nothing, and neither card
                               nor slides: the message is Slack's */
    MESSAGE_IN_PARENT = 8,  /* post_in_parent is true */
    MESSAGE_NARROWED = 16,  /* userids or user_ids name somebody */
    MESSAGE_BROADCAST = 32, /* broadcast is true */
    MESSAGE_ASIDE = 128,    /* post_in_parent is there and is false */
    MESSAGE_NO_BROADCAST = 64, /* broadcast is there and is false */
};

typedef struct {
    message_outcome_t outcome;
    unsigned flags;
    char reason[MESSAGE_REASON]; /* UTF-8 text, when the outcome is not OK */
    unsigned path;               /* bytes at its start that are the path of the field; 0: of none */
    size_t key_len, thread_len;  /* of message_key and thread_message_id; 0: there is none */
    char key[MESSAGE_KEY], thread[MESSAGE_ID];
    size_t users_len; /* of those whom userids name by their ids */
    uuid_t7 users[MESSAGE_USERIDS];
} message_verdict_t;

message_t *message_new(void);
void message_destroy(message_t **self_p);

/* Judges BODY, any bytes of any length. */
void message_check(message_t *self, slice_t body, message_verdict_t *verdict);

typedef enum {
    MESSAGE_FIELD_NONE, /* a message has no field of this name, or it is ignored */
    MESSAGE_FIELD_TEXT, /* its value is a string */
    MESSAGE_FIELD_ANY,  /* or may be another one */
} message_field_t;

/* What NAME is among the fields of the message itself. */
message_field_t message_field(slice_t name);

#ifdef __cplusplus
}
#endif

#endif
