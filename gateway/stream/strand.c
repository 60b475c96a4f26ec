#include "gateway/stream/strand.h"

#include "gateway/stream/stream.h"

#include <assert.h>
#include <stdlib.h>

strand_t *strand_new(struct stream *stream, op_owner_t owner)
{
    strand_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->stream = stream;
    self->owner = owner;
    h2o_linklist_init_anchor(&self->members);
    h2o_linklist_insert(&stream->strands, &self->in_stream);
    return self;
}

void strand_destroy(strand_t **self_p)
{
    strand_t *self = *self_p;
    assert(self->len == 0);
    h2o_linklist_unlink(&self->in_stream);
    bytes_free(&self->ask);
    free(self);
    *self_p = NULL;
}

static slice_t s_copy(char **to, slice_t from)
{
    memcpy(*to, from.data, from.len);
    slice_t copy = slice(*to, from.len);
    *to += from.len;
    return copy;
}

member_t *member_new(const listed_t *listed)
{
    const grant_t *grant = &listed->grant;
    member_t *self = calloc(1, sizeof *self + grant->client.len + grant->name.len);
    if (!self)
        abort();
    char *to = self->bytes;
    self->grant = *grant;
    self->grant.client = s_copy(&to, grant->client);
    self->grant.name = s_copy(&to, grant->name);
    member_rename(self, listed->label);
    return self;
}

void member_rename(member_t *self, slice_t label)
{
    free(self->label);
    self->label = label.len ? strndup(label.data, label.len) : NULL;
}

void member_destroy(member_t **self_p)
{
    free((*self_p)->label);
    free(*self_p);
    *self_p = NULL;
}

void strand_take(strand_t *self, member_t *member)
{
    strand_drop(member);
    member->strand = self;
    h2o_linklist_insert(&self->members, &member->in_strand);
    self->len++;
}

void strand_drop(member_t *member)
{
    if (!member->strand)
        return;
    h2o_linklist_unlink(&member->in_strand);
    member->strand->len--;
    member->strand = NULL;
}

member_t *strand_next(const strand_t *self, const member_t *after)
{
    const h2o_linklist_t *next = after ? after->in_strand.next : self->members.next;
    return next == &self->members ? NULL : H2O_STRUCT_FROM_MEMBER(member_t, in_strand, next);
}

member_t *strand_find(const strand_t *self, const uuid_t7 *target)
{
    member_t *member = strand_next(self, NULL);
    if (self->stream->several)
        HASH_FIND(hh, self->stream->members, target, UUID_BYTES, member);
    else if (!uuid_eq(&member->grant.target, target))
        member = NULL;
    return member && member->strand == self ? member : NULL;
}
