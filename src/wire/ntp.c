#include "wire/ntp.h"

#include "base/cursor.h"

#define FROM_1900_TO_1970 UINT64_C(2208988800) /* seconds */

enum mn_parse mn_ntp_parse(const void *data, size_t len, struct mn_ntp *message)
{
    struct mn_reader r = mn_reader(data, len);
    uint8_t first = mn_read_u8(&r);
    struct mn_ntp read = {.leap = first >> 6, .version = first >> 3 & 7, .mode = first & 7};
    read.stratum = mn_read_u8(&r);
    read.poll = (int8_t)mn_read_u8(&r);
    read.precision = (int8_t)mn_read_u8(&r);
    read.root_delay = mn_read_u32(&r);
    read.root_dispersion = mn_read_u32(&r);
    read.reference_id = mn_read_u32(&r);
    read.reference = mn_read_u64(&r);
    read.origin = mn_read_u64(&r);
    read.receive = mn_read_u64(&r);
    read.transmit = mn_read_u64(&r);
    if (!r.ok)
        return MN_PARSE_TRUNCATED;
    *message = read;
    return MN_PARSE_OK;
}

static void write_u64(struct mn_writer *w, uint64_t value)
{
    mn_write_u32(w, (uint32_t)(value >> 32));
    mn_write_u32(w, (uint32_t)value);
}

void mn_ntp_emit(void *to, const struct mn_ntp *message)
{
    struct mn_writer w = mn_writer(to, MN_NTP_HEADER);
    mn_write_u8(&w, (uint8_t)(message->leap << 6 | message->version << 3 | message->mode));
    mn_write_u8(&w, message->stratum);
    mn_write_u8(&w, (uint8_t)message->poll);
    mn_write_u8(&w, (uint8_t)message->precision);
    mn_write_u32(&w, message->root_delay);
    mn_write_u32(&w, message->root_dispersion);
    mn_write_u32(&w, message->reference_id);
    write_u64(&w, message->reference);
    write_u64(&w, message->origin);
    write_u64(&w, message->receive);
    write_u64(&w, message->transmit);
    MN_ASSERT(w.ok);
}

uint64_t mn_ntp_to_unix(uint64_t timestamp)
{
    uint64_t seconds = timestamp >> 32;
    if (seconds >> 31 == 0)
        seconds += UINT64_C(1) << 32; /* SNTP-3-1: era 1 */
    return (seconds - FROM_1900_TO_1970) * MNET_SECOND + (((timestamp & UINT32_MAX) * MNET_SECOND) >> 32);
}

uint64_t mn_ntp_short_to_ns(uint32_t time)
{
    return (time * MNET_SECOND) >> 16;
}
