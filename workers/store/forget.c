/* Gives up a store that is known and not there, or takes another one for it: the next start goes by
 * what it finds. Deletes no data. */
#include "common/store/known.h"
#include "workers/store/verbs.h"

#include <errno.h>
#include <string.h>

int forget_run(const keeper_t *self, const char *store)
{
    const char *known = conf_text(self->conf, SET_data_known);
    if (!keeper_is_store(store))
        return keeper_refuse(self,
                             "there is no store '%s': directory, or the journal of a shard, as "
                             "channel-0",
                             store);
    int rc = known_forget(known, store);
    if (rc < 0)
        return keeper_refuse(self, "cannot remove %s/%s: %s", known, store, strerror(errno));
    if (rc == 0)
        return keeper_refuse(self, "%s is not known on this host: %s has no file of that name",
                             store, known);
    json_object_set_new(self->reply, "forgotten", json_string(store));
    if (keeper_bytes(self->data, store) > 0)
        keeper_say(self, "The next start takes the %s that lies in %s, whichever it is.", store,
                   self->data);
    else
        keeper_say(self, "There is no %s in %s: the next start makes an empty one.", store,
                   self->data);
    return KEEPER_DONE;
}
