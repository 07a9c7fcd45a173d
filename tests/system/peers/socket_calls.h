/* Types that socket_calls.c shares with the calls of either kind. */
#ifndef TESTS_SOCKET_CALLS_H
#define TESTS_SOCKET_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* Room for a socket address. */
struct call_address {
    _Alignas(8) uint8_t bytes[128];
};
/* As struct iovec. */
struct call_piece {
    void *base;
    size_t len;
};

#endif
