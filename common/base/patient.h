/* Work that nobody waits for, as the commit behind what is stored: threads that wake on its core go
 * first, where Linux lets a thread say so (6.12 and later; before, nothing changes). Such a thread
 * gets as much of the core as others, only in longer turns that end when another one wakes.
 * No privilege is needed, as for the way back. It holds no lock that others wait for meanwhile.
 *
 * Threading: of the calling thread alone. */
#ifndef POSTERN_PATIENT_H
#define POSTERN_PATIENT_H

enum { PATIENT_US = 100000 /* a turn; the longest that there is */ };

void patient_begin(void);
void patient_end(void);

#endif
