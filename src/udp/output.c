/* Datagrams to be sent: see udp.h for the scheme. */
#include <string.h>

#include "base/checksum.h"
#include "udp/udp.h"

/* Copies the next `len` bytes to `to`. */
static void copy_bytes(struct mn_udp_bytes *bytes, uint8_t *to, size_t len)
{
    MN_DEBUG_ASSERT(len == 0 || bytes->slice != NULL);
    MN_ASSERT(len <= bytes->left);
    bytes->left -= len;
    while (len > 0) {
        size_t piece = MN_MIN(len, bytes->slice->len - bytes->offset);
        if (piece > 0)
            memcpy(to, (const uint8_t *)bytes->slice->data + bytes->offset, piece);
        to += piece;
        len -= piece;
        bytes->offset += piece;
        if (bytes->offset == bytes->slice->len) {
            bytes->slice++;
            bytes->offset = 0;
        }
    }
}

/* Copies the payload behind the header: into the linear part as far as it fits, the rest into
 * buffers. */
static bool copy_payload(struct mnet_packet *packet, struct mn_udp_bytes *bytes, size_t len)
{
    size_t piece = MN_MIN(len, mnet_packet_tailroom(packet));
    if (piece > 0)
        copy_bytes(bytes, mnet_packet_put(packet, piece), piece);
    for (size_t done = piece; done < len; done += piece) {
        struct mnet_buffer *buffer = mnet_buffer_alloc_tx(packet->memory, MN_MIN(len - done, MNET_BUFFER_LARGE));
        if (buffer == NULL)
            return false;
        piece = MN_MIN(len - done, buffer->capacity);
        copy_bytes(bytes, buffer->bytes, piece);
        bool added = mnet_packet_add(packet, buffer, 0, (uint32_t)piece);
        mnet_buffer_free(buffer); /* the packet holds it now, unless the call failed */
        if (!added)
            return false;
    }
    return true;
}

/* RFC 6437 3: a label for each flow that nobody can foretell. The key is drawn when the first one
 * is needed, so that IPv4 alone takes no random numbers for it. */
static MN_RARE uint32_t flow_label(struct mn_udp *udp, const struct mn_udp_endpoint *endpoint,
                                   const struct mnet_udp_message *message)
{
    uint64_t words[5] = {[4] = (uint64_t)endpoint->local.port << 16 | message->remote.port};
    memcpy(&words[0], message->local.bytes, 16);
    memcpy(&words[2], message->remote.address.bytes, 16);
    if (!udp->has_label_key)
        udp->label_key = (struct mn_hash_key){mn_random_u64(udp->random), mn_random_u64(udp->random)};
    udp->has_label_key = true;
    uint32_t label = (uint32_t)mn_siphash13_words(&udp->label_key, words, 5) & 0xfffff;
    return label != 0 ? label : 1; /* 0 says that there is none */
}

/* Fills in the fields of the IP header, as far as the message and the endpoint tell them. */
static void describe(struct mn_udp *udp, const struct mn_udp_endpoint *endpoint, const struct mnet_udp_message *message,
                     struct mn_datagram *datagram)
{
    MN_DEBUG_ASSERT(message->dscp <= 63 && message->ecn <= 3);
    MN_DEBUG_ASSERT(endpoint->local.port != 0 && message->remote.port != 0);
    bool to_group = mn_address_is_multicast(&message->remote.address);
    uint8_t dscp = message->dscp != 0 ? message->dscp : endpoint->dscp;
    *datagram = (struct mn_datagram){
        .source = message->local,
        .destination = message->remote.address,
        .protocol = MN_PROTOCOL_UDP,
        .ttl = message->ttl != 0 ? message->ttl
               : to_group        ? endpoint->group_ttl
                                 : endpoint->ttl,
        .loop = to_group && endpoint->group_loop,
        .traffic_class = (uint8_t)(dscp << 2 | message->ecn),
        .dont_fragment = endpoint->dont_fragment,
    };
    if (!mn_address_is_ipv4(&message->remote.address))
        datagram->flow_label = flow_label(udp, endpoint, message);
}

struct mnet_packet *mn_udp_output(struct mn_udp *udp, const struct mn_udp_endpoint *endpoint,
                                  const struct mnet_udp_message *message, struct mn_udp_bytes *bytes, size_t len,
                                  struct mn_datagram *datagram)
{
    MN_ASSERT(len <= mn_udp_payload_max(message->remote.address) && message->dscp <= 63 && message->ecn <= 3);
    struct mnet_packet *packet = mnet_packet_alloc_tx(udp->memory);
    if (packet == NULL)
        return NULL;
    uint16_t length = (uint16_t)(MN_UDP_HEADER + len);
    struct mn_udp_header header = {
        .source_port = endpoint->local.port,
        .destination_port = message->remote.port,
        .length = length,
        .checksum = mn_sum_fold(mn_pseudo_sum(&message->local, &message->remote.address, MN_PROTOCOL_UDP, length)),
    };
    mn_udp_emit(mnet_packet_put(packet, MN_UDP_HEADER), &header);
    struct mn_udp_bytes before = *bytes;
    if (!copy_payload(packet, bytes, len)) {
        *bytes = before;
        mnet_packet_free(packet);
        return NULL;
    }
    packet->checksum = MNET_CHECKSUM_PARTIAL;
    packet->csum_start = 0;
    packet->csum_offset = MN_UDP_CHECKSUM_AT;
    describe(udp, endpoint, message, datagram);
    udp->counters->value[MNET_COUNT_UDP_TX]++;
    return packet;
}
