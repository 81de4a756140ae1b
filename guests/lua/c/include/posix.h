/* What Lua uses of POSIX and the C library for WASI has not; `src/posix.rs` has it. Included before everything else. */

#ifndef STILLBOX_POSIX_H
#define STILLBOX_POSIX_H

/* Processor time, and signals as far as a type for their flags. */
#define _WASI_EMULATED_PROCESS_CLOCKS
#define _WASI_EMULATED_SIGNAL

#include <stdio.h>
#include <time.h>

/* lua-src leaves out what WASI has no place for. A sandbox has it: temporary files, other programs, processor time. The headers
 * that insist on this name were just included. */
#undef __wasi__

FILE *popen(const char *command, const char *mode);
int pclose(FILE *stream);
int mkstemp(char *name);

/* A guest has one thread. */
#define flockfile(stream) ((void)0)
#define funlockfile(stream) ((void)0)

_Static_assert(CLOCKS_PER_SEC == 1000000000, "clock() counts nanoseconds");

#endif
