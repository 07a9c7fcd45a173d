/* Integer cube roots. */
#ifndef MN_CUBE_ROOT_H
#define MN_CUBE_ROOT_H

#include <stdint.h>

/* Returns the largest r with r * r * r <= value: exact, at most 2642245. */
uint32_t mn_cube_root(uint64_t value);

#endif
