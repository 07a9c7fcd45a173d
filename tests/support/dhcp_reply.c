#include "support/dhcp_reply.h"

#include <string.h>

#include "base/base.h"

static void put(struct dhcp_reply *reply, const void *data, size_t len)
{
    MN_ASSERT(reply->len + len <= sizeof reply->bytes);
    memcpy(reply->bytes + reply->len, data, len);
    reply->len += len;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

void reply_begin(struct dhcp_reply *reply, uint8_t type, uint32_t xid, uint32_t yiaddr, struct mn_mac chaddr)
{
    memset(reply, 0, sizeof *reply);
    reply->bytes[0] = MN_DHCP_BOOTREPLY;
    reply->bytes[1] = 1;
    reply->bytes[2] = 6;
    put_u32(reply->bytes + 4, xid);
    put_u32(reply->bytes + 16, yiaddr);
    memcpy(reply->bytes + 28, chaddr.bytes, sizeof chaddr.bytes);
    put_u32(reply->bytes + AT_COOKIE, 0x63825363);
    reply->len = AT_OPTIONS;
    if (type != 0)
        reply_u8(reply, 53, type);
}

void reply_option(struct dhcp_reply *reply, uint8_t code, const void *data, uint8_t len)
{
    put(reply, (const uint8_t[]){code, len}, 2);
    put(reply, data, len);
}

void reply_u32(struct dhcp_reply *reply, uint8_t code, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    reply_option(reply, code, bytes, sizeof bytes);
}

void reply_u16(struct dhcp_reply *reply, uint8_t code, uint16_t value)
{
    reply_option(reply, code, (const uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

void reply_u8(struct dhcp_reply *reply, uint8_t code, uint8_t value)
{
    reply_option(reply, code, &value, 1);
}

void reply_end(struct dhcp_reply *reply)
{
    put(reply, (const uint8_t[]){255}, 1);
}
