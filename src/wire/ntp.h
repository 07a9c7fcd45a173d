/* NTP messages (RFC 5905 7.3). Extension fields and a MAC may follow the header, and are not
 * read. */
#ifndef MN_NTP_WIRE_H
#define MN_NTP_WIRE_H

#include "wire/wire.h"

#define MN_NTP_PORT 123
#define MN_NTP_HEADER 48
#define MN_NTP_VERSION 4
#define MN_NTP_LEAP_UNKNOWN 3 /* the server's clock is not set */
#define MN_NTP_CLIENT 3       /* modes */
#define MN_NTP_SERVER 4

struct mn_ntp {
    uint8_t leap, version, mode, stratum;
    int8_t poll, precision; /* exponents of 2, in seconds */
    uint32_t root_delay;    /* in 1/65536 s, and so is the next */
    uint32_t root_dispersion;
    uint32_t reference_id;                         /* of stratum 0: four letters, the kiss code */
    uint64_t reference, origin, receive, transmit; /* timestamps: in 2^-32 s; 0: unknown */
};

/* Kiss codes (RFC 5905 7.4). */
#define MN_NTP_DENY UINT32_C(0x44454e59)
#define MN_NTP_RSTR UINT32_C(0x52535452)
#define MN_NTP_RATE UINT32_C(0x52415445)

/* Reads the header. TRUNCATED if there are less than 48 bytes. */
enum mn_parse mn_ntp_parse(const void *data, size_t len, struct mn_ntp *message);
/* Writes 48 bytes. */
void mn_ntp_emit(void *to, const struct mn_ntp *message);

/* Returns nanoseconds since 1970. A timestamp whose first bit is 0 counts from 2036-02-07 06:28:16
 * on (RFC 4330 3): no time before 1968 is meant. */
uint64_t mn_ntp_to_unix(uint64_t timestamp);
/* Returns a time of 1/65536 s in nanoseconds. */
uint64_t mn_ntp_short_to_ns(uint32_t time);

#endif
