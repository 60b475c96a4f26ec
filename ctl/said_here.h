/* Translates authd's messages about fields of a request into the words of the command line that was
 * typed. Threading: pure functions. */
#ifndef POSTERN_SAID_HERE_H
#define POSTERN_SAID_HERE_H

#include "ctl/command.h"

/* Changes MESSAGE, which has SIZE bytes: the field that it begins with ("owner: …", "networks[0]:
 * …") becomes the option or argument that COMMAND takes it from, and confirm and move_to become
 * --yes and --move-to. A field that the command has no word for stays. Cut at SIZE. */
void said_here(const command_t *command, char *message, size_t size);

#endif
