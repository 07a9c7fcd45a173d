/* Errors: one convention for every call of mnet.
 *
 * A call that can fail returns 0 or a count if it succeeds, and one of these negative values if it
 * fails. Causes are never mixed: each has a code of its own. There is no errno.
 */
#ifndef MNET_ERROR_H
#define MNET_ERROR_H

#pragma GCC visibility push(default)

/* The results of calls: 0 or more is success, each negative value is a cause of failure. */
enum mnet_error {
    MNET_OK = 0,
    MNET_E_INVALID = -1,        /* an argument is wrong; nothing was done */
    MNET_E_NO_MEMORY = -2,      /* the memory budget is used up */
    MNET_E_LIMIT = -3,          /* a configured limit is reached, such as that of connections */
    MNET_E_IN_USE = -4,         /* the address and port are taken */
    MNET_E_UNREACHABLE = -5,    /* no route, no neighbour, or an ICMP error says so */
    MNET_E_REFUSED = -6,        /* the peer answered the connection request with a reset */
    MNET_E_RESET = -7,          /* the peer reset an established connection */
    MNET_E_TIMED_OUT = -8,      /* the peer did not answer for too long */
    MNET_E_CLOSED_BY_PEER = -9, /* a write to a connection that the peer no longer reads */
    MNET_E_CLOSED = -10,        /* closed, shut down or aborted on this side */
    MNET_E_CANCELLED = -11,     /* the calling task was cancelled */
    MNET_E_DEADLINE = -12,      /* the deadline passed; with deadline 0: the call would wait */
    MNET_E_END_OF_FILE = -13,   /* the stream ended before all the requested bytes arrived */
    MNET_E_TOO_BIG = -14,       /* the message does not fit a datagram, or the caller's buffer */
    MNET_E_NO_ENTROPY = -15,    /* the platform has no entropy; a stack does not start without it */
    MNET_E_NO_DEVICE = -16,     /* no such network device, or it cannot be opened */
    MNET_E_IO = -17,            /* the device failed */
    MNET_E_NO_ADDRESS = -18,    /* the host has no address, or has lost the one that this used */
    MNET_E_NO_NAME = -19,       /* there is no such host name */
    MNET_E_NO_DATA = -20,       /* the name exists, but has no such records */
    MNET_E_TRY_AGAIN = -21,     /* no DNS server answers, or knows; later it may differ */
    MNET_E_NO_ZONE = -22,       /* the program has no device of the address's zone */
};

/* Causes why packets do not arrive, as a router, the host or our own neighbour resolution reports
 * them. */
enum mnet_unreachable {
    MNET_UNREACHABLE_NONE,       /* nothing was reported */
    MNET_UNREACHABLE_NETWORK,    /* a router has no route, or the route has too many hops */
    MNET_UNREACHABLE_HOST,       /* the last router does not reach the host */
    MNET_UNREACHABLE_PROTOCOL,   /* the host does not speak TCP, or UDP */
    MNET_UNREACHABLE_PORT,       /* no program of the host uses the port */
    MNET_UNREACHABLE_PROHIBITED, /* a router or a packet filter forbids it */
    MNET_UNREACHABLE_NEIGHBOUR,  /* the next hop, on our own network, does not answer */
};

/* Returns the cause in a few English words. Never NULL, for any value; the text is static. */
const char *mnet_unreachable_text(enum mnet_unreachable cause);

/* Returns the error in a few English words. Never NULL, for any value; the text is static. */
const char *mnet_strerror(int error);

#pragma GCC visibility pop

#endif
