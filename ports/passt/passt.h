/* Debian's passt as a device: a way to the host's network for an ordinary user, without a TAP
 * interface and without privileges.
 *
 * passt is a program that opens sockets of the host for the connections that it sees in frames. It
 * is started with the device, and ends with it. Frames travel through a Unix socket in QEMU's
 * stream framing: each behind its length, four bytes in network order.
 */
#ifndef MN_PASST_H
#define MN_PASST_H

#include <stddef.h>

#include <mnet/device.h>

/* Returns true if a device is meant: "passt", or "passt" with options of its own behind commas,
 * such as "passt,-t,8000". */
bool mn_passt_meant(const char *text);
/* Starts passt with these options. Returns NULL after saying why, in one line, in `why`. */
struct mnet_device *mn_passt_open(const char *text, char *why, size_t why_size);

#endif
