/* Patterns of names: * stands for any bytes, ? for one. Threading: no state, any thread. */
#ifndef POSTERN_BASE_GLOB_H
#define POSTERN_BASE_GLOB_H

#include "common/base/slice.h"

#include <stdbool.h>

/* Whether the whole of TEXT is as GLOB says; at most text.len times glob.len steps. */
bool glob_like(slice_t text, slice_t glob);

#endif
