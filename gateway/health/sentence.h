/* What is wrong with the ring, and what to do about it, for a person. Threading: as the look. */
#ifndef POSTERN_GATEWAY_HEALTH_SENTENCE_H
#define POSTERN_GATEWAY_HEALTH_SENTENCE_H

#include "gateway/health/look.h"

/* One sentence, on the process that matters most; with how many others have something, too. */
enum { SENTENCE = 1200 };
void sentence_write(const look_t *look, char text[SENTENCE]);

#endif
