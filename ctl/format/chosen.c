#include "ctl/format/chosen.h"

#include <string.h>
#include <unistd.h>

bool chosen_open(chosen_t *self, ctl_t *ctl)
{
    char fault[FORMATS_FAULT];
    const char *directory = ctl_option(ctl, "--formats");
    *self = (chosen_t){.set = formats_new()};
    if (!directory || formats_load(self->set, directory, fault) == 0)
        return true;
    ctl_error(ctl, "failed", "%s", fault);
    return false;
}

bool chosen_folder(chosen_t *self, ctl_t *ctl, const char *path)
{
    char fault[FORMATS_FAULT];
    formats_row_free(&self->folder);
    if (formats_read(path, &self->folder, fault) != 0) {
        ctl_error(ctl, "failed", "%s", fault);
        return false;
    }
    self->row = &self->folder;
    return true;
}

bool chosen_find(chosen_t *self, ctl_t *ctl, const char *name)
{
    self->row = strchr(name, '/') ? NULL : formats_find(self->set, slice_of(name));
    if (self->row)
        return true;
    if (!strchr(name, '/') && access(name, F_OK) != 0) {
        ctl_error(ctl, "not_found",
                  "there is no format '%s' (posternctl format list shows them), and no folder",
                  name);
        return false;
    }
    return chosen_folder(self, ctl, name);
}

void chosen_free(chosen_t *self)
{
    formats_row_free(&self->folder);
    formats_destroy(&self->set);
}

event_t chosen_event(const caught_t *caught)
{
    return (event_t){.headers = wire_pairs_of(&caught->headers),
                     .params = wire_pairs_of(&caught->params),
                     .body = slice(caught->body, caught->body_len)};
}
