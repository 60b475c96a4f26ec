/* The wire protocol between the processes (docs/PROTOCOL.md): the only encoder and decoder of a
 * message's header. A message is [header][body 1]…[body n]; bodies are frames of their own that
 * move through every hop uncopied.
 *
 * Decoding is total: what it accepts is inside every limit below, what it does not accept is -1
 * with a reason, and no input makes it allocate more than the entries that are really there.
 *
 * Threading: an object belongs to one thread at a time. */
#ifndef POSTERN_WIRE_H
#define POSTERN_WIRE_H

#include "common/base/errors.h"
#include "common/base/slice.h"
#include "common/base/uuid.h"
#include "common/wire/facts.h"
#include "common/wire/pairs.h"

#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

enum {
    WIRE_VERSION = 5,     /* what we speak */
    WIRE_VERSION_MIN = 1, /* and the oldest that we understand */
    WIRE_EPOCHS = 4,      /* the first with the epoch in HELLO */
    WIRE_ENTRIES = 1024,  /* most entries of a batch */
    WIRE_BYTES = 4 << 20, /* most bytes of a batch, header and bodies */
    WIRE_SMALL = 512,     /* longest body that may travel inside its entry */
    WIRE_TARGET = 128,    /* longest target: name, id or email address */
    WIRE_NAME = 64,       /* longest name of a peer, and of a display name in bytes: 4 times that */
    WIRE_PAIRS = 1000,    /* most params or headers of an entry */
    WIRE_PAIRS_BYTES = 512 << 10,
    WIRE_TEXT = 512,          /* longest other text: client address, content type */
    WIRE_SHOWN = 512,         /* longest headers that are credentials */
    WIRE_DEDUPE = 32,         /* bytes of a dedupe key */
    WIRE_TIME_LEFT = 3600000, /* most time left, ms */
    WIRE_HANDLER = 16384,     /* longest handler record */
};

typedef enum {
    WIRE_REQUESTS = 1,
    WIRE_REPLIES = 2,
    WIRE_INTERIM = 3,
    WIRE_CREDIT = 4,
    WIRE_HELLO = 5,
    WIRE_HEARTBEAT = 6,
    WIRE_GOODBYE = 7,
} wire_kind_t;

typedef enum { ROLE_GATEWAY = 1, ROLE_AUTHD, ROLE_ROUTER, ROLE_WORKER, ROLE_CONTROL } wire_role_t;
const char *wire_role_name(wire_role_t role);

typedef enum { ENVIRONMENT_NONE, ENVIRONMENT_SANDBOX, ENVIRONMENT_MARKETPLACE } wire_environment_t;

/* What authd found out about a request: who sent it, and what it is for. */
typedef struct {
    bool present; /* false between gateway and authd */
    uuid_t7 user, token, target;
    slice_t display_name;
    slice_t facts;  /* "", or what the reply is to repeat: wire_facts_text */
    slice_t dedupe; /* WIRE_DEDUPE bytes, or empty without an Idempotency-Key */
    wire_environment_t environment;
} wire_principal_t;

/* A request. The slices are borrowed: from the caller when encoding, from the header frame after
 * decoding. params and headers are encoded arrays of alternating names and values: build them with
 * wire_pairs_add, read them with wire_pairs_next. */
typedef struct {
    uuid_t7 id;
    uint64_t origin;
    uint32_t attempt; /* from 1 */
    uint32_t time_left_ms;
    unsigned op;     /* number of ops.def; may be unknown here */
    unsigned method; /* one bit of OP_… */
    slice_t target;
    slice_t params, headers; /* encoded; empty slices mean none */
    slice_t client;          /* address */
    slice_t token, appkey;   /* credentials; empty once blanked */
    /* Headers that may hold the secret of a source, likewise, encoded (version 4): left out for a
     * receiver that does not know them. */
    slice_t shown;
    wire_principal_t principal;
    /* The handler record of the target (common/wire/handler.h), or empty. A batch with such a
     * record needs version 2. */
    slice_t handler;
    slice_t small; /* a body of up to WIRE_SMALL bytes inside the entry (version 3), or "" */
    bool has_body; /* the body has a frame of its own; never together with small */
    slice_t came;  /* all of it as it was decoded from, whatever was changed since; or empty */
} wire_request_t;

/* A request that has nothing but these, and empty slices: as processes make them of their own. */
wire_request_t wire_request_bare(const uuid_t7 *id, unsigned op, unsigned method);

/* The bytes of a request's body, wherever they lie; FRAME is its row of wire_message_t.bodies. */
slice_t wire_request_body(const wire_request_t *request, zmq_msg_t *frame);

enum { WIRE_FACTS = 8, WIRE_FACTS_TEXT = 128, WIRE_SESSION = 6 };

/* How the appkey of an admin request begins when a cookie brought the session that is its token;
 * the X-CSRF-Token that came along, which may be empty, stands behind. */
#define WIRE_CSRF "csrf:"

/* How the body of a reply is to be sent. With an error code the body is the plain text that says
 * what was wrong; the gateway makes the JSON. */
typedef enum { CONTENT_NONE, CONTENT_JSON } wire_content_t;

typedef struct {
    uuid_t7 id;
    uint64_t origin;
    uint32_t attempt;
    unsigned status;        /* 100 to 599 */
    unsigned error;         /* number of errors.def, 0 for none; may be unknown here */
    uint32_t retry_after_s; /* 0: none */
    wire_content_t content;
    unsigned facts;
    struct {
        unsigned fact; /* wire_fact_t; may be unknown here */
        uint64_t value;
    } fact[WIRE_FACTS];
    bool has_body;
    slice_t came; /* as a request's */
} wire_reply_t;

/* The reply to REQUEST before anything is said: its id, origin and attempt. */
wire_reply_t wire_reply_to(const wire_request_t *request);
/* Makes it an error of errors.def: status, error and retry_after_s. CODE is one of the table's. */
void wire_reply_refuse(wire_reply_t *reply, error_code_t code);
/* Adds a fact; past WIRE_FACTS it is dropped. */
void wire_reply_add(wire_reply_t *reply, unsigned fact, uint64_t value);
/* Cuts the details off the BODY of an error and returns them; empty: it has none, or what is there
 * is no object in UTF-8. */
slice_t wire_reply_details(const wire_reply_t *reply, slice_t *body);
/* Overwrites a session's facts. Their bytes in a header frame stay until the frame is freed. */
void wire_reply_wipe(wire_reply_t *reply);
/* The facts of a reply as the text of a principal, "5=1764000000 6=1764086400"; returns its length.
 */
size_t wire_facts_text(const wire_reply_t *reply, char text[WIRE_FACTS_TEXT]);
/* Adds the facts of such a text, up to what is not of this form. */
void wire_reply_repeat(wire_reply_t *reply, slice_t facts);

/* HELLO */
typedef struct {
    wire_role_t role;
    slice_t name; /* [a-z0-9.-], 1 to WIRE_NAME - 1 */
    unsigned version_min, version_max;
    unsigned kind; /* a worker's: op_owner_t; others 0 */
    unsigned shard, shards;
    uuid_t7 journal; /* a worker's journal, nil for others */
    uint64_t news;   /* a router: raised with each new process behind it; a worker: its process */
    uint64_t epoch;  /* of a worker's taking of its shard; 0: its journal has none */
    bool has_epoch;  /* in the form that has it, for a peer of WIRE_EPOCHS */
} wire_hello_t;

/* GOODBYE */
typedef enum {
    GOODBYE_LEAVING = 1, /* an orderly end */
    GOODBYE_VERSION,     /* version ranges do not meet; the HELLO names ours */
    GOODBYE_SHARDS,      /* another shard count, or a shard out of range */
    GOODBYE_JOURNAL,     /* another journal serves this shard */
    GOODBYE_ROLE,        /* this endpoint is not for that role, or the key not for it (any more) */
    GOODBYE_FULL,        /* as many peers are alive here as there may be */
    GOODBYE_SUPERSEDED, /* another has taken this shard since: the epoch is lower than one that came
                         */
} wire_goodbye_t;
const char *wire_goodbye_text(wire_goodbye_t reason);

/* A decoded message, reused from one to the next. */
typedef struct wire_message {
    wire_kind_t kind;
    uint64_t sender, receiver, batch;
    unsigned entries;
    wire_request_t *requests; /* REQUESTS: entries rows */
    wire_reply_t *replies;    /* REPLIES, INTERIM */
    zmq_msg_t *bodies;        /* one a row; of length 0 where has_body is false. Move them out with
                                 zmq_msg_move; what stays is freed by wire_message_clear */
    wire_hello_t hello;       /* HELLO */
    wire_goodbye_t goodbye;   /* GOODBYE, with hello's versions */
    size_t bytes;             /* header and bodies */
    unsigned version;         /* private from here */
    unsigned bodies_len;
    unsigned room;
    zmq_msg_t header;
} wire_message_t;

wire_message_t *wire_message_new(void);
void wire_message_destroy(wire_message_t **self_p);
void wire_message_clear(wire_message_t *self);

/* Decodes a header frame, whose memory the message then keeps (the frame is moved). expect: bit set
 * of 1 << wire_kind_t that may come here; GOODBYE in any version. 0, or -1 with a constant reason.
 * Bodies follow by wire_message_body, then wire_message_end says whether their number was right. */
int wire_message_begin(wire_message_t *self, zmq_msg_t *header, unsigned expect,
                       const char **reason);
int wire_message_body(wire_message_t *self, zmq_msg_t *body, const char **reason);
int wire_message_end(wire_message_t *self, const char **reason);

/* Whether its sender is to be told that its version is not spoken here; not of a GOODBYE. */
bool wire_is_foreign(const void *data, size_t len);

/* Makes a frame that holds a copy of BYTES; aborts when there is no memory. */
void wire_body_init(zmq_msg_t *body, slice_t bytes);

/* A message in the making: entries are encoded as they are added, bodies are moved in. */
typedef struct wire_batch wire_batch_t;
wire_batch_t *wire_batch_new(void);
void wire_batch_destroy(wire_batch_t **self_p);
unsigned wire_batch_entries(const wire_batch_t *self);
void wire_batch_clear(wire_batch_t *self); /* drops what was added */
size_t wire_batch_bytes(const wire_batch_t *self);
/* False when the entry (encoded about this long, with its body) belongs in another batch. An empty
 * batch has room for any single entry inside the limits. */
bool wire_batch_has_room(const wire_batch_t *self, size_t bytes);
/* Sets the version that the batch's receiver understands; until then the oldest. Entries are added
 * in a form that the receiver knows: a small body gets a frame of its own before version 3. */
void wire_batch_speak(wire_batch_t *self, unsigned version);
/* An upper bound of the encoded length without the body. */
size_t wire_request_size(const wire_request_t *request);
/* Adds; BODY (NULL for none) is moved; has_body is set from BODY, whatever the entry says. All
 * entries of a batch are of one kind. */
void wire_batch_add_request(wire_batch_t *self, const wire_request_t *request, zmq_msg_t *body);
void wire_batch_add_reply(wire_batch_t *self, const wire_reply_t *reply, zmq_msg_t *body);
/* The same of one that has come, and goes on as it came, with its BODY. */
void wire_batch_pass_reply(wire_batch_t *self, const wire_reply_t *reply, zmq_msg_t *body);
/* Adds an entry that wire_request_encode has encoded, with attempt and time left as given. */
typedef struct {
    char *bytes; /* changed in place */
    size_t len;
    size_t small; /* length of the small body in it */
} wire_encoded_t;
void wire_batch_add_encoded(wire_batch_t *self, const wire_encoded_t *encoded, uint32_t attempt,
                            uint32_t time_left_ms, zmq_msg_t *body);

/* Encodes one request entry, which needs version 3 when it has a small body, behind what OUT holds,
 * in the form that wire_batch_add_encoded takes. */
void wire_request_encode(pack_t *out, const wire_request_t *request);

/* The bytes of a request that has come, for one that passes it on as it came, where they have that
 * form, too, as all senders of ours give it; else empty: encode it. */
slice_t wire_request_came(const wire_request_t *request);

/* Sends [header][bodies…] on SOCKET behind a routing-id frame when ROUTE is not NULL, without
 * waiting, and empties the batch in any case. 0, or -1 with errno of zmq_msg_send. kind: REQUESTS,
 * REPLIES or INTERIM. */
int wire_batch_send(wire_batch_t *self, void *socket, const slice_t *route, wire_kind_t kind,
                    uint64_t sender, uint64_t receiver, uint64_t batch);

/* Sends a message without entries: CREDIT and HEARTBEAT (batch), HELLO (hello), GOODBYE (hello,
 * goodbye). */
int wire_send_hello(void *socket, const slice_t *route, uint64_t sender, uint64_t receiver,
                    const wire_hello_t *hello);
int wire_send_goodbye(void *socket, const slice_t *route, uint64_t sender, uint64_t receiver,
                      wire_goodbye_t reason);
int wire_send_number(void *socket, const slice_t *route, wire_kind_t kind, uint64_t sender,
                     uint64_t receiver, uint64_t batch);

/* Which of COUNT shards owns a target: fixed for ever, docs/PROTOCOL.md has the function. */
unsigned wire_shard(const uuid_t7 *target, unsigned count);

#endif
