/* A device that damages, loses and delays the frames of another device, for tests.
 *
 * It behaves as a bad network or full hardware would. A seeded generator decides everything: the
 * same seed and the same calls give the same faults. Probabilities are in parts per million, for
 * each frame.
 */
#ifndef MNET_FAULT_H
#define MNET_FAULT_H

#include <stdint.h>

#include <mnet/device.h>

#pragma GCC visibility push(default)

/* The faults of one direction. All zeros is none. */
struct mnet_fault_rates {
    uint32_t drop_ppm;      /* the frame is lost */
    uint32_t duplicate_ppm; /* it passes twice */
    uint32_t reorder_ppm;   /* held back until one to four later frames pass, or none follows */
    uint32_t corrupt_ppm;   /* one bit is flipped; not in frames that are still to be segmented */
    uint32_t truncate_ppm;  /* the end is cut off, headers or not; likewise */
    uint32_t refuse_ppm;    /* the device takes, or gives, no more frames in this call */
};

/* Faults of both directions, and the seed of the generator. */
struct mnet_fault_options {
    uint64_t seed;
    struct mnet_fault_rates tx, rx;
};

/* The number of faults of each kind, both directions together. */
struct mnet_fault_counts {
    uint64_t dropped, duplicated, reordered, corrupted, truncated, refused;
};

/* Wraps `inner`. The returned device owns it and closes it with itself. NULL if memory is used
 * up. */
struct mnet_device *mnet_fault_open(struct mnet_device *inner, const struct mnet_fault_options *options);
/* Sets other rates; the generator goes on as before. `device` comes from mnet_fault_open. */
void mnet_fault_set(struct mnet_device *device, const struct mnet_fault_rates *tx, const struct mnet_fault_rates *rx);
/* Returns the faults so far. `device` comes from mnet_fault_open. */
struct mnet_fault_counts mnet_fault_counts(const struct mnet_device *device);

#pragma GCC visibility pop

#endif
