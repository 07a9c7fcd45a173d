/* Services of the processor itself. */
#ifndef MN_BARE_CPU_H
#define MN_BARE_CPU_H

#include <stdbool.h>
#include <stddef.h>

/* Fills `buffer` with `len` bytes from the processor's entropy source (RDSEED, or RDRAND if
 * there is no other). False if it has none, or it does not deliver: the buffer is not to be used
 * then. Never suspends. */
bool mn_cpu_entropy(void *buffer, size_t len);

#endif
