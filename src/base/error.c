/* Texts of the error codes of mnet/error.h, and of the causes of unreachability. */
#include <mnet/error.h>

#include "base/base.h"

static const char *const texts[] = {
    [-MNET_OK] = "success",
    [-MNET_E_INVALID] = "invalid argument",
    [-MNET_E_NO_MEMORY] = "out of memory",
    [-MNET_E_LIMIT] = "limit reached",
    [-MNET_E_IN_USE] = "address and port in use",
    [-MNET_E_UNREACHABLE] = "destination unreachable",
    [-MNET_E_REFUSED] = "connection refused",
    [-MNET_E_RESET] = "connection reset by peer",
    [-MNET_E_TIMED_OUT] = "connection timed out",
    [-MNET_E_CLOSED_BY_PEER] = "connection closed by peer",
    [-MNET_E_CLOSED] = "connection closed on this side",
    [-MNET_E_CANCELLED] = "task cancelled",
    [-MNET_E_DEADLINE] = "deadline passed",
    [-MNET_E_END_OF_FILE] = "unexpected end of stream",
    [-MNET_E_TOO_BIG] = "message too big",
    [-MNET_E_NO_ENTROPY] = "no entropy",
    [-MNET_E_NO_DEVICE] = "no such network device",
    [-MNET_E_IO] = "device failure",
    [-MNET_E_NO_ADDRESS] = "no address, or the address is lost",
    [-MNET_E_NO_NAME] = "no such host name",
    [-MNET_E_NO_DATA] = "the name has no such records",
    [-MNET_E_TRY_AGAIN] = "no DNS server is known or has an answer",
    [-MNET_E_NO_ZONE] = "the address names an unknown zone",
};

const char *mnet_strerror(int error)
{
    /* Negated as unsigned, because the smallest int has no positive counterpart. */
    unsigned index = -(unsigned)error;
    return index < MN_COUNT_OF(texts) ? texts[index] : "unknown error";
}

const char *mnet_unreachable_text(enum mnet_unreachable cause)
{
    static const char *const causes[] = {
        [MNET_UNREACHABLE_NONE] = "no cause known",
        [MNET_UNREACHABLE_NETWORK] = "network unreachable",
        [MNET_UNREACHABLE_HOST] = "host unreachable",
        [MNET_UNREACHABLE_PROTOCOL] = "protocol unreachable",
        [MNET_UNREACHABLE_PORT] = "port unreachable",
        [MNET_UNREACHABLE_PROHIBITED] = "prohibited",
        [MNET_UNREACHABLE_NEIGHBOUR] = "neighbour does not answer",
    };
    return (unsigned)cause < MN_COUNT_OF(causes) ? causes[cause] : "unknown cause";
}
