#include "wire/ethernet.h"

#include <string.h>

#include "base/cursor.h"

#define ADDRESSES 12

const struct mn_mac mn_mac_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

enum mn_parse mn_ethernet_parse(const void *data, size_t len, struct mn_ethernet *header)
{
    struct mn_reader r = mn_reader(data, len);
    const uint8_t *destination = mn_read(&r, 6), *source = mn_read(&r, 6);
    uint16_t type = mn_read_u16(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    memcpy(header->destination.bytes, destination, 6);
    memcpy(header->source.bytes, source, 6);
    header->type = type;
    return MN_PARSE_OK;
}

void mn_ethernet_emit(void *to, const struct mn_ethernet *header)
{
    struct mn_writer w = mn_writer(to, MN_ETHERNET_HEADER);
    mn_write_bytes(&w, header->destination.bytes, 6);
    mn_write_bytes(&w, header->source.bytes, 6);
    mn_write_u16(&w, header->type);
}

static bool has_priority_tag(const struct mnet_packet *frame)
{
    if (frame->len < MN_ETHERNET_HEADER + MN_ETHERNET_TAG)
        return false;
    const uint8_t *type = frame->data + ADDRESSES;
    bool customer = type[0] == 0x81 && type[1] == 0x00, provider = type[0] == 0x88 && type[1] == 0xa8;
    /* The upper half of the byte is the priority. */
    return (customer || provider) && (type[2] & 0x0f) == 0 && type[3] == 0;
}

MN_RARE bool mn_ethernet_untag(struct mnet_packet *frame)
{
    bool tagged = false;
    for (; has_priority_tag(frame); tagged = true) {
        memmove(frame->data + MN_ETHERNET_TAG, frame->data, ADDRESSES);
        mnet_packet_pull(frame, MN_ETHERNET_TAG);
    }
    return tagged;
}

bool mn_mac_equal(struct mn_mac a, struct mn_mac b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

bool mn_mac_is_group(struct mn_mac mac)
{
    return (mac.bytes[0] & 1) != 0;
}

struct mn_mac mn_mac_of_group(const struct mnet_address *group)
{
    const uint8_t *low = group->bytes + 12;
    if (mn_address_is_ipv4(group))
        return (struct mn_mac){{0x01, 0x00, 0x5e, low[1] & 0x7f, low[2], low[3]}};
    return (struct mn_mac){{0x33, 0x33, low[0], low[1], low[2], low[3]}};
}
