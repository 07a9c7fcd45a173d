/* Addresses as text, with the names of zones. The public functions in mnet/address.h know numbers
 * alone, because there is no table of names for a whole process: an environment has one. */
#ifndef MN_ADDRESS_TEXT_H
#define MN_ADDRESS_TEXT_H

#include <mnet/address.h>

/* Somebody's names of zones. */
struct mn_zone_names {
    /* Returns the zone of this name, which has `len` bytes and is not terminated. 0 if there is
     * none. */
    uint16_t (*find)(const void *context, const char *name, size_t len);
    /* Returns the name of a zone, shorter than MNET_ZONE_TEXT. NULL if it has none. */
    const char *(*name)(const void *context, uint16_t zone);
    const void *context;
};

/* As mnet_address_parse, mnet_address_format and mnet_endpoint_format. `names` may be NULL. */
int mn_address_parse(const char *text, const struct mn_zone_names *names, struct mnet_address *address);
char *mn_address_format(struct mnet_address address, const struct mn_zone_names *names, char *text, size_t size);
char *mn_endpoint_format(struct mnet_endpoint endpoint, const struct mn_zone_names *names, char *text, size_t size);

#endif
