/* Terms: the bounds of a token beyond its user's rights: what it may do and on which targets, from
 * which networks, how large a body may be, and whether another token takes its place. The terms
 * stand in one field of the token's record, which is empty for a token without any: its verdict
 * reads no more.
 *
 * The slices are borrowed: from the record they were read from, or from whoever fills them in.
 * Threading: any thread. */
#ifndef POSTERN_TERMS_H
#define POSTERN_TERMS_H

#include "common/base/address.h"
#include "common/base/uuid.h"
#include "common/wire/pack.h"

enum {
    TERMS_TARGETS = 100, /* most targets of each kind */
    TERMS_NETWORKS = 32,
    TERMS_NETWORK = 17, /* bytes of one: its base and how many bits count */
};

typedef enum { TERMS_CHANNELS, TERMS_BOTS, TERMS_EXTENSIONS, TERMS_KINDS } terms_kind_t;

typedef struct {
    bool post_only;               /* may not read back */
    bool listed;                  /* the targets below only; otherwise any that its user may */
    slice_t targets[TERMS_KINDS]; /* ids in a row */
    slice_t networks;             /* TERMS_NETWORK bytes each; empty: from anywhere */
    uint64_t body_bytes;          /* most bytes of a body; 0: what the gateway accepts */
    uint64_t replaced_ms;         /* wall clock; 0: it has no successor */
    uuid_t7 successor;
} terms_t;

/* The terms of a token without any; terms_read gives the same for members that ENCODED lacks. */
terms_t terms_none(void);
terms_t terms_read(slice_t encoded);
/* Appends SELF to OUT; nothing when SELF is terms_none. */
void terms_write(const terms_t *self, pack_t *out);

bool terms_cover(const terms_t *self, terms_kind_t kind, const uuid_t7 *target);
/* An address that cannot be read is in no network. */
bool terms_allow_address(const terms_t *self, slice_t client);

void terms_add_target(pack_t *targets, const uuid_t7 *id);
void terms_add_network(pack_t *networks, const network_t *network);
/* The I-th; false past the last. */
bool terms_target(const terms_t *self, terms_kind_t kind, size_t i, uuid_t7 *id);
bool terms_network(const terms_t *self, size_t i, network_t *network);

#endif
