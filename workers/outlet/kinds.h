/* Kinds of outlets: how a channel's message becomes a call of a service, as data (the folders of
 * outlets/, docs/INTEGRATIONS.md has the language of outlet.json). What an outlet of a kind is set
 * up with are three texts at most: the address of the service, to whom there, and a token.
 *
 * Threading: a set and its kinds are read-only once they are made, any thread. Running out of
 * memory aborts. */
#ifndef POSTERN_WORKERS_OUTLET_KINDS_H
#define POSTERN_WORKERS_OUTLET_KINDS_H

#include "common/base/slice.h"
#include "workers/format/format.h"

enum {
    OUTLET_BYTES = 16 << 10, /* longest outlet.json */
    OUTLET_HEADERS = 8,
    OUTLET_SETTING = 2048, /* longest text of a setting */
};

/* What an outlet is set up with. */
typedef enum { OUTLET_URL, OUTLET_TO, OUTLET_TOKEN, OUTLET_SETTINGS } outlet_setting_t;
/* "url", "to", "token". */
const char *outlet_setting_name(outlet_setting_t setting);

typedef struct {
    slice_t text[OUTLET_SETTINGS]; /* empty: not set */
} outlet_settings_t;

typedef struct {
    bool taken;      /* the kind has it */
    bool needed;     /* nothing works without it */
    bool secret;     /* it is never shown */
    slice_t what;    /* it is, for people */
    slice_t usually; /* where it is not set; empty: nothing */
} outlet_field_t;

typedef struct outlet_kind outlet_kind_t;

/* Parses an outlet.json; TEXT is copied. NULL, and FAULT says what is wrong and where. */
outlet_kind_t *outlet_kind_parse(slice_t text, format_fault_t *fault);
void outlet_kind_destroy(outlet_kind_t **self_p);

const char *outlet_kind_name(const outlet_kind_t *self);
const char *outlet_kind_title(const outlet_kind_t *self);
const outlet_field_t *outlet_kind_field(const outlet_kind_t *self, outlet_setting_t setting);

enum { OUTLET_REASON = 256 };
/* Whether an outlet of the kind can be set up so. Else *SETTING is the one that is wrong, and
 * REASON, OUTLET_REASON bytes, says why: "must be …". */
bool outlet_kind_check(const outlet_kind_t *self, const outlet_settings_t *settings,
                       outlet_setting_t *setting, char *reason);

/* The kinds that are built in, in the order of their names. */
typedef struct outlet_kinds outlet_kinds_t;
outlet_kinds_t *outlet_kinds_new(void);
void outlet_kinds_destroy(outlet_kinds_t **self_p);
size_t outlet_kinds_count(const outlet_kinds_t *self);
const outlet_kind_t *outlet_kinds_at(const outlet_kinds_t *self, size_t number);
/* NULL: there is none of this name. */
const outlet_kind_t *outlet_kinds_find(const outlet_kinds_t *self, slice_t name);
/* README.md of the kind at a place. */
slice_t outlet_kinds_readme(const outlet_kinds_t *self, size_t number);

#endif
