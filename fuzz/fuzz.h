/* Functions that the fuzz targets of the wire formats share. */
#ifndef MN_FUZZ_H
#define MN_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Copies the input to a block that ends at the end of the input. libFuzzer's own block is longer,
 * so a read beyond the end could go unnoticed. */
static inline uint8_t *fuzz_exact(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    MN_ASSERT(copy != NULL);
    memcpy(copy, data, size);
    return copy;
}

#endif
