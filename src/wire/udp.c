#include "wire/udp.h"

#include "base/cursor.h"

enum mn_parse mn_udp_parse(const void *data, size_t len, size_t total, struct mn_udp_header *header)
{
    struct mn_reader r = mn_reader(data, len);
    struct mn_udp_header read = {.source_port = mn_read_u16(&r)};
    read.destination_port = mn_read_u16(&r);
    read.length = mn_read_u16(&r);
    const uint8_t *checksum = mn_read(&r, sizeof(read.checksum));
    if (checksum == NULL)
        return MN_PARSE_TRUNCATED;
    memcpy(&read.checksum, checksum, sizeof(read.checksum));
    if (read.length < MN_UDP_HEADER || read.length > total)
        return MN_PARSE_INVALID;
    *header = read;
    return MN_PARSE_OK;
}

bool mn_udp_checksum_ok(const struct mnet_packet *packet, const struct mn_datagram *datagram,
                        const struct mn_udp_header *header)
{
    if (header->checksum == 0)
        return mn_address_is_ipv4(&datagram->destination);
    return mn_transport_checksum_ok(packet, datagram);
}

void mn_udp_emit(void *to, const struct mn_udp_header *header)
{
    MN_ASSERT(header->length >= MN_UDP_HEADER);
    struct mn_writer w = mn_writer(to, MN_UDP_HEADER);
    mn_write_u16(&w, header->source_port);
    mn_write_u16(&w, header->destination_port);
    mn_write_u16(&w, header->length);
    mn_write_bytes(&w, &header->checksum, sizeof(header->checksum));
}
