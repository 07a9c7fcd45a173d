/* A device that records every frame passing through another device, as a pcapng file that Wireshark opens.
 *
 * Frames are recorded as the stack sees them: large ones whole, with a checksum that is left to the device filled in. Time
 * stamps are nanoseconds, and each frame is marked as received or sent.
 */
#ifndef MNET_CAPTURE_H
#define MNET_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mnet/device.h>

#pragma GCC visibility push(default)

/* Where a capture goes, and how much of each frame. */
struct mnet_capture_options {
    /* Takes the next `len` bytes of the file. False where they could not be written: the capture ends there, the network goes on. Not NULL. */
    bool (*write)(void *context, const void *bytes, size_t len);
    /* Called once when the device is closed; may be NULL. */
    void (*close)(void *context);
    /* The time of frames, in nanoseconds since 1970 or any other moment. Not NULL. */
    uint64_t (*now)(void *context);
    void *context;
};

/* The state of a capturing device, supplied by the caller; its fields are mnet's. It must live until the device is closed. */
struct mnet_capture {
    struct mnet_device device;
    struct mnet_device *inner;
    struct mnet_capture_options options;
    uint64_t frames; /* recorded */
    bool failed;     /* a write failed: nothing more is recorded */
};

/* Wraps `inner`, which the returned device owns and closes with itself, and writes the head of the file. The device is used in place of
 * `inner`. Never NULL. */
struct mnet_device *mnet_capture_init(struct mnet_capture *capture, struct mnet_device *inner,
                                      const struct mnet_capture_options *options);

/* Only where there are files: wraps `inner` in a capture to the file `path`, which is overwritten, with time stamps of the realtime clock, or of
 * `now` where it is not NULL. NULL, `inner` untouched, where the file cannot be created (errno says why). */
struct mnet_device *mnet_capture_open_file(const char *path, struct mnet_device *inner, uint64_t (*now)(void *context),
                                           void *context);

#pragma GCC visibility pop

#endif
