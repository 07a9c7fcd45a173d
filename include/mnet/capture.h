/* A device that records every frame of another device, as a pcapng file that Wireshark opens.
 *
 * Frames are recorded as the stack sees them. A frame that the device would cut into segments is
 * recorded whole. A checksum that is left to the device is filled in in the recording. Time stamps
 * are in nanoseconds. Each frame is marked as received or sent.
 */
#ifndef MNET_CAPTURE_H
#define MNET_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/device.h>

#pragma GCC visibility push(default)

/* The destination of a capture and its clock. */
struct mnet_capture_options {
    /* Writes the next `len` bytes of the file. False if it could not: the capture ends there, and
     * the network goes on. Not NULL. */
    bool (*write)(void *context, const void *bytes, size_t len);
    /* Called once, when the device is closed. May be NULL. */
    void (*close)(void *context);
    /* Returns the time for a frame, in nanoseconds since 1970 or any other moment. Not NULL. */
    uint64_t (*now)(void *context);
    void *context; /* passed to each of the three */
};

/* The state of a capturing device. The caller supplies it; its fields are mnet's. It must live
 * until the device is closed. */
struct mnet_capture {
    struct mnet_device device;
    struct mnet_device *inner;
    struct mnet_capture_options options;
    uint64_t frames; /* recorded so far */
    bool failed;     /* a write failed: nothing more is recorded */
};

/* Wraps `inner` and writes the head of the file. Use the returned device in place of `inner`: it
 * owns `inner` and closes it with itself. Never NULL. */
struct mnet_device *mnet_capture_init(struct mnet_capture *capture, struct mnet_device *inner,
                                      const struct mnet_capture_options *options);

/* Wraps `inner` in a capture to the file `path`, which is overwritten. Only ports with a file
 * system have this call. Time stamps come from `now`, or from the realtime clock if `now` is NULL.
 * Returns NULL if the file cannot be created: `inner` is untouched, and errno gives the cause. */
struct mnet_device *mnet_capture_open_file(const char *path, struct mnet_device *inner, uint64_t (*now)(void *context),
                                           void *context);

#pragma GCC visibility pop

#endif
