/* Zones (RFC 4007).
 *
 * Theory of operation. A stack has one link, so inside it a zone would tell nothing: engines never
 * see one. A program may have several stacks. The public calls remove the zone of every address
 * that they are given, after comparing it with that of the stack's device, and add it to every
 * address that they give out.
 *
 * The zones of an environment are the devices that it opens, numbered from 1, with their names.
 * Names come from the command line and from the program, never from a text that somebody sent:
 * reading an address only looks them up.
 */
#include "stack/zone.h"

#include <string.h>

#include "base/address_text.h"

int mn_zone_remove(const struct mnet_stack *stack, struct mnet_address *address)
{
    if (address->zone == 0)
        return MNET_OK;
    if (!mn_address_can_have_zone(address))
        return MNET_E_INVALID;
    if (address->zone != stack->zone)
        return MNET_E_UNREACHABLE;
    address->zone = 0;
    return MNET_OK;
}

void mn_zone_add(const struct mnet_stack *stack, struct mnet_address *address)
{
    MN_ASSERT(address->zone == 0);
    if (mn_address_can_have_zone(address))
        address->zone = stack->zone;
}

void mn_zone_add_to_info(const struct mnet_stack *stack, struct mnet_tcp_info *info)
{
    mn_zone_add(stack, &info->local.address);
    mn_zone_add(stack, &info->remote.address);
}

char *mn_zone_format(const struct mnet_stack *stack, struct mnet_endpoint endpoint, char *text, size_t size)
{
    return stack->env != NULL ? mnet_env_format_endpoint(stack->env, endpoint, text, size)
                              : mnet_endpoint_format(endpoint, text, size);
}

/* ---- Names ---- */

static uint16_t find_zone(const void *context, const char *name, size_t len)
{
    const struct mnet_env *env = context;
    for (unsigned i = 0; i < env->zone_count; i++) {
        if (strlen(env->zones[i]) == len && memcmp(env->zones[i], name, len) == 0)
            return (uint16_t)(i + 1);
    }
    return 0;
}

/* Returns false for a name that mnet_address_parse would misread: one with a '/' or '%', or of
 * digits alone. */
static bool is_readable(const char *name)
{
    bool letters = false;
    for (; *name != '\0'; name++) {
        if (*name == '/' || *name == '%')
            return false;
        letters = letters || *name < '0' || *name > '9';
    }
    return letters;
}

static const char *zone_name(const void *context, uint16_t zone)
{
    const struct mnet_env *env = context;
    if (zone < 1 || zone > env->zone_count || !is_readable(env->zones[zone - 1]))
        return NULL;
    return env->zones[zone - 1];
}

uint16_t mn_env_name_zone(struct mnet_env *env, const char *name, size_t len)
{
    uint16_t zone = find_zone(env, name, len);
    if (zone != 0 || env->zone_count == MN_ENV_ZONES || len >= MNET_ZONE_TEXT)
        return zone;
    memcpy(env->zones[env->zone_count], name, len); /* zeros follow */
    return (uint16_t)++env->zone_count;
}

void mn_env_name_zones(struct mnet_env *env)
{
    for (unsigned i = 0; i < env->options.net_count; i++)
        mn_env_name_zone(env, env->options.nets[i].name, env->options.nets[i].name_len);
    if (env->options.net_count == 0)
        mn_env_name_zone(env, MN_ENV_USUAL_DEVICE, strlen(MN_ENV_USUAL_DEVICE));
}

int mnet_env_parse_address(const struct mnet_env *env, const char *text, struct mnet_address *address)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    const struct mn_zone_names names = {find_zone, zone_name, env};
    return mn_address_parse(text, &names, address);
}

char *mnet_env_format_address(const struct mnet_env *env, struct mnet_address address, char *text, size_t size)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    const struct mn_zone_names names = {find_zone, zone_name, env};
    return mn_address_format(address, &names, text, size);
}

char *mnet_env_format_endpoint(const struct mnet_env *env, struct mnet_endpoint endpoint, char *text, size_t size)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    const struct mn_zone_names names = {find_zone, zone_name, env};
    return mn_endpoint_format(endpoint, &names, text, size);
}
