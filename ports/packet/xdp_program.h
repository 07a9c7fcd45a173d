/* The program that gives frames for one address to an XDP socket. Internal. */
#ifndef MN_XDP_PROGRAM_H
#define MN_XDP_PROGRAM_H

#include <stdint.h>

/* Attaches the program to the interface, for frames to `mac` that come by its first queue. They go
 * to the socket `fd`, which is bound to that queue. Returns a descriptor: when it is closed, the
 * program is gone. Negative, with errno, and with the failed step in *what. */
int mn_xdp_program_attach(int fd, int index, const uint8_t mac[6], const char **what);

#endif
