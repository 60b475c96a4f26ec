/* What only the start of a process needed is given back: pages of programs and libraries that were
 * relocated, searched and run through once, and what malloc keeps of what was freed. The pages stay
 * in the page cache, and one that is touched again is mapped again without reading the disk.
 *
 * Threading: any thread, while others run. */
#ifndef POSTERN_SHED_H
#define POSTERN_SHED_H

/* Milliseconds: for once, a while behind the start. Under a debugger only malloc's memory. */
void shed_pages(void);

#endif
