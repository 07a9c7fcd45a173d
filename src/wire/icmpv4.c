#include "wire/icmpv4.h"

#include "base/checksum.h"
#include "base/cursor.h"
#include "base/packet_sum.h"

enum mn_parse mn_icmpv4_parse(const void *data, size_t len, struct mn_icmpv4 *header)
{
    struct mn_reader r = mn_reader(data, len);
    struct mn_icmpv4 read = {.type = mn_read_u8(&r)};
    read.code = mn_read_u8(&r);
    mn_read_u16(&r); /* checksum */
    read.identifier = mn_read_u16(&r);
    read.sequence = mn_read_u16(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    *header = read;
    return MN_PARSE_OK;
}

void mn_icmpv4_emit(void *to, const struct mn_icmpv4 *header, uint64_t body_sum)
{
    struct mn_writer w = mn_writer(to, MN_ICMPV4_HEADER);
    mn_write_u8(&w, header->type);
    mn_write_u8(&w, header->code);
    uint8_t *field = mn_write(&w, 2);
    mn_write_u16(&w, header->identifier);
    mn_write_u16(&w, header->sequence);
    memset(field, 0, 2);
    uint16_t checksum = mn_checksum(mn_sum(body_sum, to, MN_ICMPV4_HEADER));
    memcpy(field, &checksum, sizeof(checksum));
}

bool mn_icmpv4_is_error(uint8_t type)
{
    switch (type) {
    case MN_ICMPV4_UNREACHABLE:
    case MN_ICMPV4_SOURCE_QUENCH:
    case MN_ICMPV4_REDIRECT:
    case MN_ICMPV4_TIME_EXCEEDED:
    case MN_ICMPV4_PARAMETER_PROBLEM: return true;
    default: return false;
    }
}

/* An update cannot tell a message of zeros, whose checksum is ffff, from one whose words sum up to
 * ffff, if it is 0 (RFC 1624 section 3): a result of 0 is summed again. */
void mn_icmpv4_become_reply(struct mnet_packet *request)
{
    uint16_t before, after, checksum;
    MN_ASSERT(request->len >= MN_ICMPV4_HEADER && request->data[0] == MN_ICMPV4_ECHO);
    memcpy(&before, request->data, 2);
    request->data[0] = MN_ICMPV4_ECHO_REPLY;
    memcpy(&after, request->data, 2);
    memcpy(&checksum, request->data + 2, 2);
    checksum = mn_checksum_update(checksum, before, after);
    if (checksum == 0) {
        memset(request->data + 2, 0, 2);
        checksum = mn_checksum(mn_packet_sum(request, 0));
    }
    memcpy(request->data + 2, &checksum, 2);
}
