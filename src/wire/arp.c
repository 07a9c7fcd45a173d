#include "wire/arp.h"

#include <string.h>

#include "base/cursor.h"

#define HARDWARE_ETHERNET 1

static struct mn_mac read_mac(struct mn_reader *r)
{
    struct mn_mac mac = {{0}};
    const uint8_t *bytes = mn_read(r, sizeof(mac.bytes));
    if (bytes != NULL)
        memcpy(mac.bytes, bytes, sizeof(mac.bytes));
    return mac;
}

enum mn_parse mn_arp_parse(const void *data, size_t len, struct mn_arp *arp)
{
    struct mn_reader r = mn_reader(data, len);
    uint16_t hardware = mn_read_u16(&r);
    uint16_t protocol = mn_read_u16(&r);
    uint8_t hardware_len = mn_read_u8(&r);
    uint8_t protocol_len = mn_read_u8(&r);
    struct mn_arp read = {.operation = mn_read_u16(&r)};
    read.sender_mac = read_mac(&r);
    read.sender_ip = mn_read_u32(&r);
    read.target_mac = read_mac(&r);
    read.target_ip = mn_read_u32(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    if (hardware != HARDWARE_ETHERNET || protocol != MN_ETHERTYPE_IPV4 || hardware_len != 6 || protocol_len != 4)
        return MN_PARSE_INVALID;
    if (read.operation != MN_ARP_REQUEST && read.operation != MN_ARP_REPLY)
        return MN_PARSE_INVALID;
    *arp = read;
    return MN_PARSE_OK;
}

void mn_arp_emit(void *to, const struct mn_arp *arp)
{
    MN_ASSERT(arp->operation == MN_ARP_REQUEST || arp->operation == MN_ARP_REPLY);
    struct mn_writer w = mn_writer(to, MN_ARP_PACKET);
    mn_write_u16(&w, HARDWARE_ETHERNET);
    mn_write_u16(&w, MN_ETHERTYPE_IPV4);
    mn_write_u8(&w, 6);
    mn_write_u8(&w, 4);
    mn_write_u16(&w, arp->operation);
    mn_write_bytes(&w, arp->sender_mac.bytes, 6);
    mn_write_u32(&w, arp->sender_ip);
    mn_write_bytes(&w, arp->target_mac.bytes, 6);
    mn_write_u32(&w, arp->target_ip);
    MN_ASSERT(w.ok && w.left == 0);
}
