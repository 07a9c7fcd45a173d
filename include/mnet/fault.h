/* A device that does to the frames of another device what bad networks and full hardware do: for tests.
 *
 * Everything is decided by a seeded generator: the same seed and the same calls give the same faults. Probabilities are in
 * parts per million, for each frame.
 */
#ifndef MNET_FAULT_H
#define MNET_FAULT_H

#include <stdint.h>

#include <mnet/device.h>

#pragma GCC visibility push(default)

/* What happens to the frames of one direction. All zeros is nothing. */
struct mnet_fault_rates {
    uint32_t drop_ppm;
    uint32_t duplicate_ppm;
    uint32_t reorder_ppm;  /* held back until one to four later frames have passed, or nothing more passes */
    uint32_t corrupt_ppm;  /* one bit is flipped; large frames, which are never on a wire, are left alone */
    uint32_t truncate_ppm; /* the end is cut off, headers or not; likewise */
    uint32_t refuse_ppm;   /* sending: the device takes no more of this call's frames. Receiving: it gives no more */
};

/* Faults of both directions, and the seed of what is drawn. */
struct mnet_fault_options {
    uint64_t seed;
    struct mnet_fault_rates tx, rx;
};

/* How often each happened, both directions together. */
struct mnet_fault_counts {
    uint64_t dropped, duplicated, reordered, corrupted, truncated, refused;
};

/* Wraps `inner`, which the returned device owns and closes with itself. NULL where there is no memory. */
struct mnet_device *mnet_fault_open(struct mnet_device *inner, const struct mnet_fault_options *options);
/* Other rates from now on; the generator goes on as it was. `device` is one of mnet_fault_open. */
void mnet_fault_set(struct mnet_device *device, const struct mnet_fault_rates *tx, const struct mnet_fault_rates *rx);
struct mnet_fault_counts mnet_fault_counts(const struct mnet_device *device);

#pragma GCC visibility pop

#endif
