/* The admin listener's operation that does for who is signed in what one of senders does for a
 * webhook token: the PERSON rows of common/ops.def. Threading: pure. */
#ifndef POSTERN_CTL_SEND_SIGNED_IN_H
#define POSTERN_CTL_SEND_SIGNED_IN_H

/* OP: a SEND row. A channel's by its name and by its id are the same here: the admin listener takes
 * either. OP_NONE: there is none, and OP needs a webhook token. */
unsigned signed_in_op(unsigned op);

#endif
