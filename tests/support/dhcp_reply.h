/* Builds messages of a DHCP server byte by byte, right or wrong, as a test needs them. */
#ifndef TESTS_DHCP_REPLY_H
#define TESTS_DHCP_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "wire/dhcp.h"

/* Offsets of the fields of a message. */
#define AT_SNAME 44
#define AT_FILE 108
#define AT_COOKIE 236
#define AT_OPTIONS 240

struct dhcp_reply {
    uint8_t bytes[2048];
    size_t len;
};

/* Writes the fixed part and the message type (0: no type). */
void reply_begin(struct dhcp_reply *reply, uint8_t type, uint32_t xid, uint32_t yiaddr, struct mn_mac chaddr);
void reply_option(struct dhcp_reply *reply, uint8_t code, const void *data, uint8_t len);
void reply_u32(struct dhcp_reply *reply, uint8_t code, uint32_t value);
void reply_u16(struct dhcp_reply *reply, uint8_t code, uint16_t value);
void reply_u8(struct dhcp_reply *reply, uint8_t code, uint8_t value);
void reply_end(struct dhcp_reply *reply);

#endif
