/* Texts of addresses and prefixes, with and without names of zones. An address that parses is
 * written in a text that fits, and parses as the same address again. */
#include "base/address_text.h"
#include "fuzz/fuzz.h"

#include <mnet/error.h>

static uint16_t find_zone(const void *context, const char *name, size_t len)
{
    (void)context;
    return len == 4 && memcmp(name, "net0", 4) == 0 ? 1 : 0;
}

static const char *zone_name(const void *context, uint16_t zone)
{
    (void)context;
    return zone == 1 ? "net0" : NULL;
}

static void check_address(const char *text, const struct mn_zone_names *names)
{
    struct mnet_address address, again;
    char whole[MNET_ADDRESS_TEXT], with_port[MNET_ENDPOINT_TEXT];
    if (mn_address_parse(text, names, &address) != MNET_OK)
        return;
    MN_ASSERT(address.zone == 0 || mnet_address_can_have_zone(address));
    mn_address_format(address, names, whole, sizeof whole);
    MN_ASSERT(mn_address_parse(whole, names, &again) == MNET_OK && mnet_address_equal(address, again));
    mn_endpoint_format((struct mnet_endpoint){address, 65535}, names, with_port, sizeof with_port);
    MN_ASSERT(strcmp(strchr(with_port, '\0') - 6, ":65535") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mn_zone_names names = {find_zone, zone_name, NULL};
    char *text = malloc(size + 1);
    struct mnet_prefix prefix;
    MN_ASSERT(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_address(text, NULL);
    check_address(text, &names);
    if (mnet_prefix_parse(text, &prefix) == MNET_OK)
        MN_ASSERT(prefix.length <= (mnet_address_is_ipv4(prefix.address) ? 32 : 128));
    free(text);
    return 0;
}
