/* From a message to an answer: RFC 1034 5.2.2 (aliases), RFC 2308 2 (negative answers). */
#include "dns/answer.h"

/* Finds a record of a type that belongs to `owner` in a section. */
static bool find_record(const struct mn_dns_message *message, enum mn_dns_section section,
                        const struct mn_dns_name *owner, uint16_t type, struct mn_dns_record *record)
{
    struct mn_dns_cursor cursor = mn_dns_records(message);
    while (mn_dns_next(message, &cursor, record))
        if (record->section == section && record->type == type &&
            (owner == NULL || mn_dns_name_equal(&record->name, owner)))
            return true;
    return false;
}

/* Follows the aliases of *name to their end. False if they do not end. */
static bool follow_aliases(const struct mn_dns_message *message, struct mn_dns_name *name, uint32_t *ttl_s)
{
    struct mn_dns_record record;
    if (message->type == MN_DNS_CNAME)
        return true;
    for (int i = 0; find_record(message, MN_DNS_ANSWER, name, MN_DNS_CNAME, &record); i++) {
        if (i == MN_DNS_ALIASES || !mn_dns_read_name(message, &record, name))
            return false;
        *ttl_s = MN_MIN(*ttl_s, record.ttl_s);
    }
    return true;
}

/* Writes the data of a record in the form that programs get, without its length. */
static bool write_data(struct mn_writer *w, const struct mn_dns_message *message, const struct mn_dns_record *record,
                       bool *wrong)
{
    struct mnet_address address;
    *wrong = (record->type == MN_DNS_A || record->type == MN_DNS_AAAA) &&
             !mn_dns_read_address(message, record, &address);
    if (*wrong)
        return false;
    size_t room = w->left;
    bool written = mn_dns_write_data(w, message, record);
    *wrong = !written && room > record->data_len + (size_t)MN_DNS_NAME;
    return written;
}

/* Appends a record to the data. False if there is no room for it. */
static bool append_record(struct mn_writer *w, const struct mn_dns_message *message, const struct mn_dns_record *record,
                          struct mn_dns_reading *reading)
{
    struct mn_writer before = *w;
    bool wrong;
    uint8_t *length = mn_write(w, 2);
    if (length != NULL && write_data(w, message, record, &wrong)) {
        size_t len = (size_t)(w->at - length) - 2;
        length[0] = (uint8_t)(len >> 8);
        length[1] = (uint8_t)len;
        reading->count++;
        reading->ttl_s = MN_MIN(reading->ttl_s, record->ttl_s);
        return true;
    }
    *w = before;
    return length != NULL && wrong;
}

/* Collects the records of `owner`. */
static void collect(const struct mn_dns_message *message, const struct mn_dns_name *owner, uint8_t *data,
                    struct mn_dns_reading *reading)
{
    bool addresses = message->type == MN_DNS_A || message->type == MN_DNS_AAAA;
    struct mn_writer w = mn_writer(data, MN_DNS_DATA_MAX);
    struct mn_dns_cursor cursor = mn_dns_records(message);
    struct mn_dns_record record;
    while (mn_dns_next(message, &cursor, &record)) {
        if (record.section != MN_DNS_ANSWER || record.type != message->type || !mn_dns_name_equal(&record.name, owner))
            continue;
        if (!append_record(&w, message, &record, reading)) {
            if (!addresses) {
                *reading = (struct mn_dns_reading){.status = MN_DNS_TOO_LARGE};
                return;
            }
            break;
        }
    }
    reading->len = (uint16_t)(MN_DNS_DATA_MAX - w.left);
    if (reading->count > 0)
        reading->status = MN_DNS_FOUND;
}

/* RFC 2308 2: no records. The SOA record of the zone grants the time for which that may be kept. */
static void read_negative(const struct mn_dns_message *message, struct mn_dns_reading *reading)
{
    struct mn_dns_record record;
    uint32_t minimum_s;
    bool has_soa = find_record(message, MN_DNS_AUTHORITY, NULL, MN_DNS_SOA, &record) && /**/
                   mn_dns_read_soa(message, &record, &minimum_s);
    reading->ttl_s = has_soa ? MN_MIN(MN_MIN(record.ttl_s, minimum_s), reading->ttl_s) : 0;
    reading->ttl_s = MN_MIN(reading->ttl_s, MN_DNS_NEGATIVE_MAX_S);
    if (message->rcode == MN_DNS_NXDOMAIN)
        reading->status = MN_DNS_NO_NAME;
    else if (has_soa ||
             (message->recursion_available && !find_record(message, MN_DNS_AUTHORITY, NULL, MN_DNS_NS, &record)))
        reading->status = MN_DNS_NO_DATA;
    else
        reading->status = MN_DNS_FAILED; /* a referral, or a server that does not recurse */
}

struct mn_dns_reading mn_dns_read(const struct mn_dns_message *message, uint8_t *data)
{
    MN_ASSERT(message->rcode == MN_DNS_NOERROR || message->rcode == MN_DNS_NXDOMAIN);
    struct mn_dns_reading reading = {.status = MN_DNS_FAILED, .ttl_s = MN_DNS_TTL_MAX_S};
    struct mn_dns_name name = message->name;
    if (!follow_aliases(message, &name, &reading.ttl_s))
        return (struct mn_dns_reading){.status = MN_DNS_FAILED};
    if (message->rcode == MN_DNS_NOERROR)
        collect(message, &name, data, &reading);
    if (reading.count == 0 && reading.status == MN_DNS_FAILED)
        read_negative(message, &reading);
    return reading;
}
