/* The formats of the installation, as authd tells workers of them (…_formats_push): a body of
 * pairs, name and text, and what names them all.
 *
 * Threading: pure functions. */
#ifndef POSTERN_WIRE_FORMATS_H
#define POSTERN_WIRE_FORMATS_H

#include "common/base/slice.h"

enum { WIRE_FORMATS_VERSION = 33 };

/* A hash of the pairs, as text; "0" where there are none. */
void wire_formats_version(slice_t pairs, char version[WIRE_FORMATS_VERSION]);

#endif
