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

/* A message for do_sendmsg and do_recvmsg. */
struct call_message {
    struct call_address address;
    uint32_t address_len; /* 0: none */
    struct call_piece *pieces;
    size_t count;
    _Alignas(8) uint8_t control[128];
    size_t control_len;
    int flags; /* returned */
};

#endif
