/* DHCP messages: fields that are read, fields that are refused, and messages of clients. */
#include "unit/support.h"

#include <stdlib.h>

#include "support/dhcp_reply.h"

#define MAC ((struct mn_mac){{2, 0, 0, 0, 0, 2}})
#define XID 0x12345678u
#define ADDRESS 0x0a000042u
#define SERVER 0x0a000001u

static enum mn_parse parse(const struct dhcp_reply *reply, struct mn_dhcp *message)
{
    uint8_t *exact = malloc(reply->len); /* so that a byte beyond the end is seen */
    memcpy(exact, reply->bytes, reply->len);
    enum mn_parse verdict = mn_dhcp_parse(exact, reply->len, message);
    free(exact);
    return verdict;
}

static void begin(struct dhcp_reply *reply)
{
    reply_begin(reply, MN_DHCP_OFFER, XID, ADDRESS, MAC);
}

static struct mn_dhcp parse_ok(const struct dhcp_reply *reply)
{
    struct mn_dhcp message;
    assert_int_equal(parse(reply, &message), MN_PARSE_OK);
    return message;
}

/* Builds a message with all fields. */
static void build_whole(struct dhcp_reply *reply)
{
    static const uint8_t dns[] = {10, 0, 0, 5, 10, 0, 0, 6}, routers[] = {10, 0, 0, 1, 10, 0, 0, 9};
    static const uint8_t id[] = {1, 2, 0, 0, 0, 0, 2};
    static const uint8_t routes[] = {24, 10, 1, 2, 10, 0, 0, 7, 0, 10, 0, 0, 8, 32, 10, 0, 0, 7, 0, 0, 0, 0};
    begin(reply);
    reply_u32(reply, 54, SERVER);
    reply_u32(reply, 51, 3600);
    reply_u32(reply, 58, 1800);
    reply_u32(reply, 59, 3150);
    reply_u32(reply, 1, 0xffffff00);
    reply_option(reply, 3, routers, sizeof routers);
    reply_option(reply, 6, dns, sizeof dns);
    reply_option(reply, 15, "example.org", 11);
    reply_u32(reply, 42, 0x0a000004);
    reply_u16(reply, 26, 1400);
    reply_option(reply, 61, id, sizeof id);
    reply_option(reply, 121, routes, sizeof routes);
    reply_end(reply);
}

static void offer_with_everything_is_read(void **state)
{
    (void)state;
    struct dhcp_reply reply;
    build_whole(&reply);
    struct mn_dhcp m = parse_ok(&reply);
    assert_int_equal(m.operation, MN_DHCP_BOOTREPLY);
    assert_int_equal(m.type, MN_DHCP_OFFER);
    assert_int_equal(m.xid, XID);
    assert_int_equal(m.yiaddr, ADDRESS);
    assert_true(mn_mac_equal(m.chaddr, MAC));
    assert_int_equal(m.server_id, SERVER);
    assert_int_equal(m.lease_s, 3600);
    assert_int_equal(m.t1_s, 1800);
    assert_int_equal(m.t2_s, 3150);
    assert_int_equal(m.subnet_mask, 0xffffff00);
    assert_int_equal(m.router_count, 2);
    assert_int_equal(m.routers[1], 0x0a000009);
    assert_int_equal(m.dns_count, 2);
    assert_int_equal(m.dns[0], 0x0a000005);
    assert_int_equal(m.ntp_count, 1);
    assert_int_equal(m.ntp[0], 0x0a000004);
    assert_string_equal(m.domain, "example.org");
    assert_int_equal(m.mtu, 1400);
    assert_int_equal(m.client_id_len, 7);
    assert_int_equal(m.client_id[6], 2);
    assert_int_equal(m.route_count, 3);
    assert_int_equal(m.routes[0].network, 0x0a010200);
    assert_int_equal(m.routes[0].length, 24);
    assert_int_equal(m.routes[0].gateway, 0x0a000007);
    assert_int_equal(m.routes[1].length, 0);
    assert_int_equal(m.routes[1].gateway, 0x0a000008);
    assert_int_equal(m.routes[2].network, 0x0a000007);
    assert_int_equal(m.routes[2].gateway, 0);
}

/* A list of options that ends with an option's last byte is whole. A list that ends anywhere else
 * is not. */
static void every_truncation_is_seen(void **state)
{
    (void)state;
    struct dhcp_reply reply;
    build_whole(&reply);
    size_t whole = reply.len, next = AT_OPTIONS;
    for (size_t len = 0; len < whole; len++) {
        struct mn_dhcp message;
        reply.len = len;
        enum mn_parse expected = MN_PARSE_INVALID;
        if (len < AT_OPTIONS)
            expected = MN_PARSE_TRUNCATED;
        else if (len == next)
            expected = MN_PARSE_OK;
        if (len == next && len < whole - 1)
            next += 2u + reply.bytes[next + 1];
        assert_int_equal(parse(&reply, &message), expected);
    }
}

static void fixed_part_of_another_kind_is_invalid(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } cases[] = {{0, 0}, {0, 3}, {1, 6}, {2, 16}, {2, 0}, {AT_COOKIE, 0}, {AT_COOKIE + 3, 0}};
    (void)state;
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        struct dhcp_reply reply;
        struct mn_dhcp message;
        build_whole(&reply);
        reply.bytes[cases[i].at] = cases[i].value;
        assert_int_equal(parse(&reply, &message), MN_PARSE_INVALID);
    }
}

/* RFC 2132: an option of a fixed length that has another length is ignored. */
static void option_of_wrong_length_is_not_there(void **state)
{
    static const uint8_t codes[] = {1, 26, 51, 54, 58, 59, 50, 57, 3, 6, 61, 121};
    static const uint8_t bytes[5] = {1, 1, 1, 1, 1};
    (void)state;
    for (size_t i = 0; i < sizeof codes; i++) {
        for (unsigned len = 0; len <= 5; len++) {
            bool two = codes[i] == 26 || codes[i] == 57;
            bool right = two ? len == 2 : codes[i] == 61 ? len >= 2 : codes[i] == 121 ? false : len == 4;
            struct dhcp_reply reply;
            begin(&reply);
            reply_option(&reply, codes[i], bytes, (uint8_t)len);
            struct mn_dhcp m = parse_ok(&reply);
            bool there = (m.subnet_mask | m.mtu | m.lease_s | m.server_id | m.t1_s | m.t2_s | m.requested_ip |
                          m.message_max | m.router_count | m.dns_count | m.client_id_len | m.route_count) != 0;
            assert_int_equal(there, right);
        }
    }
}

static void value_that_cannot_be_is_not_there(void **state)
{
    (void)state;
    struct dhcp_reply reply;
    reply_begin(&reply, 9, XID, ADDRESS, MAC); /* no such type */
    reply_u16(&reply, 26, 67);                 /* RFC 2132 5.1: at least 68 */
    reply_option(&reply, 15, "bad name", 8);
    struct mn_dhcp m = parse_ok(&reply);
    assert_int_equal(m.type, 0);
    assert_int_equal(m.mtu, 0);
    assert_string_equal(m.domain, "");
    begin(&reply);
    reply_option(&reply, 15, "a.b\0", 4); /* some count the terminating zero */
    assert_string_equal(parse_ok(&reply).domain, "a.b");
    begin(&reply);
    reply_option(&reply, 15, "a\0b", 3);
    assert_string_equal(parse_ok(&reply).domain, "");
}

/* RFC 3442 */
static void routes_broken_are_not_there(void **state)
{
    static const uint8_t too_long[] = {33, 10, 1, 2, 3, 10, 0, 0, 7};
    static const uint8_t cut[] = {24, 10, 1, 2, 10, 0, 0, 7, 16, 10, 1};
    (void)state;
    struct dhcp_reply reply;
    begin(&reply);
    reply_option(&reply, 121, too_long, sizeof too_long);
    assert_int_equal(parse_ok(&reply).route_count, 0);
    begin(&reply);
    reply_option(&reply, 121, cut, sizeof cut);
    assert_int_equal(parse_ok(&reply).route_count, 0);
}

static void more_than_is_kept_is_left_out(void **state)
{
    (void)state;
    struct dhcp_reply reply;
    uint8_t many[4 * 9] = {0}, routes[5 * 20];
    for (int i = 0; i < 9; i++)
        many[4 * i + 3] = (uint8_t)(i + 1);
    for (int i = 0; i < 20; i++)
        memcpy(routes + 5 * i, (const uint8_t[]){0, 10, 0, 0, (uint8_t)(i + 1)}, 5);
    begin(&reply);
    reply_option(&reply, 3, many, sizeof many);
    reply_option(&reply, 6, many, sizeof many);
    reply_option(&reply, 121, routes, sizeof routes);
    struct mn_dhcp m = parse_ok(&reply);
    assert_int_equal(m.router_count, MN_DHCP_ROUTERS);
    assert_int_equal(m.dns_count, MN_DHCP_DNS);
    assert_int_equal(m.dns[MN_DHCP_DNS - 1], MN_DHCP_DNS);
    assert_int_equal(m.route_count, MN_DHCP_ROUTES);
    assert_int_equal(m.routes[MN_DHCP_ROUTES - 1].gateway & 0xff, MN_DHCP_ROUTES);
}

static void put_in_field(struct dhcp_reply *reply, size_t at, const void *bytes, size_t len)
{
    memcpy(reply->bytes + at, bytes, len);
}

/* RFC 2132 9.3 */
static void overload_is_followed(void **state)
{
    static const uint8_t in_file[] = {54, 4, 10, 0, 0, 1, 255}, in_sname[] = {51, 4, 0, 0, 14, 16, 255};
    (void)state;
    for (uint8_t overload = 0; overload <= 3; overload++) {
        struct dhcp_reply reply;
        begin(&reply);
        put_in_field(&reply, AT_FILE, in_file, sizeof in_file);
        put_in_field(&reply, AT_SNAME, in_sname, sizeof in_sname);
        if (overload != 0)
            reply_u8(&reply, 52, overload);
        reply_end(&reply);
        struct mn_dhcp m = parse_ok(&reply);
        assert_int_equal(m.server_id, overload & 1 ? SERVER : 0);
        assert_int_equal(m.lease_s, overload & 2 ? 3600 : 0);
    }
}

/* An option may not go beyond its field into the next one, and a field may not declare that further
 * fields hold options. */
static void overloaded_field_is_bounded(void **state)
{
    static const uint8_t nested[] = {52, 1, 2, 255}, in_sname[] = {51, 4, 0, 0, 14, 16, 255};
    (void)state;
    struct dhcp_reply reply;
    struct mn_dhcp message;
    begin(&reply);
    memset(reply.bytes + AT_FILE, 0, 128);
    put_in_field(&reply, AT_FILE + 126, (const uint8_t[]){54, 4}, 2);
    reply_u8(&reply, 52, 1);
    assert_int_equal(parse(&reply, &message), MN_PARSE_INVALID);
    begin(&reply);
    put_in_field(&reply, AT_FILE, nested, sizeof nested);
    put_in_field(&reply, AT_SNAME, in_sname, sizeof in_sname);
    reply_u8(&reply, 52, 1);
    assert_int_equal(parse_ok(&reply).lease_s, 0);
}

/* RFC 3396: pieces are joined, from the options field first, then file, then sname. */
static void pieces_are_joined_in_order(void **state)
{
    static const uint8_t in_file[] = {15, 2, 'd', 'e', 255}, in_sname[] = {15, 1, 'f', 255};
    (void)state;
    struct dhcp_reply reply;
    begin(&reply);
    reply_option(&reply, 15, "ab", 2);
    reply_u8(&reply, 52, 3);
    reply_option(&reply, 15, "c", 1);
    reply_u16(&reply, 51, 0); /* half of a lease time ... */
    reply_u16(&reply, 51, 100);
    put_in_field(&reply, AT_FILE, in_file, sizeof in_file);
    put_in_field(&reply, AT_SNAME, in_sname, sizeof in_sname);
    struct mn_dhcp m = parse_ok(&reply);
    assert_string_equal(m.domain, "abcdef");
    assert_int_equal(m.lease_s, 100);
}

static void joined_option_too_long_is_not_there(void **state)
{
    static const char text[255] = "aaaaaaaaaaaaaaaaaaaa";
    (void)state;
    struct dhcp_reply reply;
    begin(&reply);
    for (int i = 0; i < 4; i++)
        reply_option(&reply, 15, text, 255);
    reply_u32(&reply, 54, SERVER);
    struct mn_dhcp m = parse_ok(&reply);
    assert_string_equal(m.domain, "");
    assert_int_equal(m.server_id, SERVER);
}

static void behind_the_end_is_nothing(void **state)
{
    (void)state;
    struct dhcp_reply reply;
    begin(&reply);
    reply_option(&reply, 0, "", 0); /* padding: both of its bytes */
    reply_end(&reply);
    reply_u32(&reply, 54, SERVER);
    assert_int_equal(parse_ok(&reply).server_id, 0);
}

/* RFC 2131 4.1, RFC 1542 2.1 */
static void client_message_is_written(void **state)
{
    (void)state;
    struct mn_dhcp said = {
        .operation = MN_DHCP_BOOTREQUEST,
        .type = MN_DHCP_REQUEST,
        .xid = XID,
        .secs = 7,
        .broadcast = true,
        .ciaddr = 0x0a000003,
        .chaddr = MAC,
        .server_id = SERVER,
        .client_id_len = MN_DHCP_CLIENT_ID,
        .client_id = {1, 2, 0, 0, 0, 0, 2},
        .requested_ip = ADDRESS,
        .message_max = 1500,
        .wants_parameters = true,
    };
    uint8_t bytes[MN_DHCP_EMIT];
    struct mn_dhcp back;
    mn_dhcp_emit(bytes, &said);
    assert_int_equal(mn_dhcp_parse(bytes, sizeof bytes, &back), MN_PARSE_OK);
    assert_memory_equal(&back, &said, sizeof said);
    assert_int_equal(bytes[10], 0x80); /* the BROADCAST flag is the first bit */
    assert_memory_equal(bytes + AT_COOKIE, "\x63\x82\x53\x63\x35\x01\x03", 7);
}

/* RFC 3442: the list names classless routes before routers. */
static void parameters_name_routes_before_routers(void **state)
{
    (void)state;
    struct mn_dhcp said = {.operation = MN_DHCP_BOOTREQUEST, .type = MN_DHCP_DISCOVER, .wants_parameters = true};
    uint8_t bytes[MN_DHCP_EMIT];
    mn_dhcp_emit(bytes, &said);
    const uint8_t *list = bytes + AT_OPTIONS + 3;
    assert_int_equal(list[0], 55);
    const uint8_t *routes = memchr(list + 2, 121, list[1]), *routers = memchr(list + 2, 3, list[1]);
    assert_non_null(routes);
    assert_non_null(routers);
    assert_true(routes < routers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offer_with_everything_is_read),
        cmocka_unit_test(every_truncation_is_seen),
        cmocka_unit_test(fixed_part_of_another_kind_is_invalid),
        cmocka_unit_test(option_of_wrong_length_is_not_there),
        cmocka_unit_test(value_that_cannot_be_is_not_there),
        cmocka_unit_test(routes_broken_are_not_there),
        cmocka_unit_test(more_than_is_kept_is_left_out),
        cmocka_unit_test(overload_is_followed),
        cmocka_unit_test(overloaded_field_is_bounded),
        cmocka_unit_test(pieces_are_joined_in_order),
        cmocka_unit_test(joined_option_too_long_is_not_there),
        cmocka_unit_test(behind_the_end_is_nothing),
        cmocka_unit_test(client_message_is_written),
        cmocka_unit_test(parameters_name_routes_before_routers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
