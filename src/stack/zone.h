/* Zones at the boundary of a stack (RFC 4007), and their names in an environment. zone.c has the
 * theory. */
#ifndef MN_ZONE_H
#define MN_ZONE_H

#include "stack/env.h"
#include "stack/stack.h"

/* Removes the zone of an address that a program gave. Returns 0, MNET_E_INVALID if such an address
 * can have no zone, or MNET_E_UNREACHABLE if it lies on another link than the stack. */
int mn_zone_remove(const struct mnet_stack *stack, struct mnet_address *address);
/* Adds the stack's zone to an address for a program, if it can have one. */
void mn_zone_add(const struct mnet_stack *stack, struct mnet_address *address);
void mn_zone_add_to_info(const struct mnet_stack *stack, struct mnet_tcp_info *info);
/* Writes an endpoint, with the name that the stack's environment, if it has one, gives its zone.
 * Returns `text`. */
char *mn_zone_format(const struct mnet_stack *stack, struct mnet_endpoint endpoint, char *text, size_t size);

/* Gives the names on the command line their zones. */
void mn_env_name_zones(struct mnet_env *env);
/* Returns the zone of the device `name`, which gets one the first time. 0 if there is no place for
 * another one. */
uint16_t mn_env_name_zone(struct mnet_env *env, const char *name, size_t len);

#endif
