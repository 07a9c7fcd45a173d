#include "base/cube_root.h"

#define LARGEST 2642245u /* the cube of one more does not fit 64 bits */
#define TOP_BIT 21

/* Tries the root's bits from the highest down. A bit stays if the cube is not too large. */
uint32_t mn_cube_root(uint64_t value)
{
    uint32_t root = 0;
    for (int bit = TOP_BIT; bit >= 0; bit--) {
        uint32_t candidate = root | UINT32_C(1) << bit;
        if (candidate <= LARGEST && (uint64_t)candidate * candidate * candidate <= value)
            root = candidate;
    }
    return root;
}
