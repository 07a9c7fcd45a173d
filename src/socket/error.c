/* Errors of mnet as Linux's numbers. */
#include "socket/socket.h"

static int of_cause(enum mnet_unreachable cause)
{
    switch (cause) {
    case MNET_UNREACHABLE_PORT: return -MNET_ECONNREFUSED;
    case MNET_UNREACHABLE_PROTOCOL: return -MNET_ENOPROTOOPT;
    case MNET_UNREACHABLE_NONE:
    case MNET_UNREACHABLE_NETWORK: return -MNET_ENETUNREACH;
    default: return -MNET_EHOSTUNREACH;
    }
}

int mn_errno(int error, enum mnet_unreachable cause)
{
    switch (error) {
    case MNET_E_NO_MEMORY: return -MNET_ENOMEM;
    case MNET_E_LIMIT: return -MNET_ENOBUFS;
    case MNET_E_IN_USE: return -MNET_EADDRINUSE;
    case MNET_E_UNREACHABLE: return of_cause(cause);
    case MNET_E_REFUSED: return -MNET_ECONNREFUSED;
    case MNET_E_RESET: return -MNET_ECONNRESET;
    case MNET_E_TIMED_OUT: return -MNET_ETIMEDOUT;
    case MNET_E_CLOSED_BY_PEER: return -MNET_EPIPE;
    case MNET_E_CLOSED: return -MNET_ENETDOWN;
    case MNET_E_CANCELLED: return -MNET_EINTR;
    case MNET_E_DEADLINE: return -MNET_EAGAIN;
    case MNET_E_TOO_BIG: return -MNET_EMSGSIZE;
    case MNET_E_NO_ADDRESS: return -MNET_EADDRNOTAVAIL;
    default: return error < 0 ? -MNET_EINVAL : 0;
    }
}
