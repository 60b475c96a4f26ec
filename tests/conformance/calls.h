/* Each call of the interface, and each outcome: what is stored and seen, and the outbox. Both
 * return how many tests failed. */
#ifndef POSTERN_CONFORMANCE_CALLS_H
#define POSTERN_CONFORMANCE_CALLS_H

int calls_run(void);
int calls_outbox_run(void);
int calls_retained_run(void);

#endif
