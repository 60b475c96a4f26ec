/* One call inside of libcurl: an easy handle that is used again and again, set up once.
 *
 * Threading: the caller's thread. */
#ifndef POSTERN_WORKERS_CALLER_TRANSFER_H
#define POSTERN_WORKERS_CALLER_TRANSFER_H

#include "workers/caller/caller.h"
#include "workers/caller/lookups.h"

#include <curl/curl.h>

typedef struct transfer {
    CURL *easy;
    const egress_t *egress;
    const char *authorities;
    lookups_t *lookups;
    http_url_t url;       /* of the call */
    uint64_t lookup;      /* of its name, which is under way; 0: none is */
    uint64_t joined;      /* it ended for another call looks its name up: the call is as it was */
    const char *no_place; /* likewise, for what it must wait for; NULL: nothing */
    call_t *call;         /* NULL: idle */
    int64_t started_us;
    size_t head_len;     /* bytes of all heads so far */
    bool head_ended;     /* an empty line came behind the last of them */
    bool too_large;      /* a callback of ours ended it for that */
    bool starved;        /* there was no descriptor for a socket */
    bool opened;         /* the guard let a socket be made */
    bool forgets;        /* at its end libcurl forgets names that were looked up a while ago */
    const char *refusal; /* why it did not, the last time */
    char error[CURL_ERROR_SIZE];
    LIST_ENTRY(transfer) link; /* of the list it stands in: the caller's */
} transfer_t;

/* AUTHORITIES: PEM file of the certificates that TLS trusts; all must outlive the transfer. */
transfer_t *transfer_new(const egress_t *egress, const char *authorities, lookups_t *lookups);
void transfer_destroy(transfer_t **self_p);

/* Makes the handle ready for the call, which it holds until transfer_end. FORGETS: at the call's
 * end libcurl goes through all addresses that it remembers and forgets those that are older than a
 * minute; without it, it uses whichever it remembers. False when the URL is none to call: then the
 * call is finished, and the transfer idle. */
bool transfer_begin(transfer_t *self, call_t *call, bool forgets);

/* Writes into the call how it ended, and gives it back. */
call_t *transfer_end(transfer_t *self, CURLcode code);

#endif
