#include "base/path_mtu.h"

#include <string.h>

#include "base/address.h"
#include "base/list.h"

void mn_path_mtus_init(struct mn_path_mtus *cache, const struct mn_path_mtu_config *config)
{
    MN_ASSERT(config->max > 0 && config->link_mtu > 0);
    *cache = (struct mn_path_mtus){
        .wheel = config->wheel,
        .key = config->key,
        .age_ns = config->age_ns,
        .max = config->max,
        .link_ipv4 = config->link_mtu,
        .link_ipv6 = config->link_mtu,
        .timer_kind = config->timer_kind,
    };
    mn_pool_init(&cache->pool, config->memory, "path MTUs", sizeof(struct mn_path_mtu), config->max);
}

static void forget(struct mn_path_mtus *cache, struct mn_path_mtu *entry)
{
    MN_ASSERT(cache->count > 0);
    mn_wheel_cancel(cache->wheel, &entry->timer);
    mn_list_remove(&entry->age);
    mn_list_remove(&entry->bucket);
    mn_pool_free(&cache->pool, entry);
    cache->count--;
    cache->generation++;
}

static struct mn_path_mtu *oldest(struct mn_path_mtus *cache)
{
    struct mnet_link *link = mn_list_first(&cache->ages);
    return link == NULL ? NULL : MN_CONTAINER(link, struct mn_path_mtu, age);
}

void mn_path_mtus_clear(struct mn_path_mtus *cache)
{
    for (struct mn_path_mtu *entry; (entry = oldest(cache)) != NULL;)
        forget(cache, entry);
    MN_ASSERT(cache->count == 0);
}

static struct mnet_link *bucket_of(struct mn_path_mtus *cache, const struct mnet_address *destination)
{
    uint64_t words[2];
    memcpy(words, destination->bytes, sizeof words);
    return &cache->buckets[mn_siphash13_words(&cache->key, words, 2) % MN_PATH_MTU_BUCKETS];
}

/* Finds an entry and makes it the youngest. */
static struct mn_path_mtu *use_entry(struct mn_path_mtus *cache, struct mnet_address destination)
{
    struct mnet_link *bucket = bucket_of(cache, &destination);
    for (struct mnet_link *link = mn_list_first(bucket); link != NULL && link != bucket; link = link->next) {
        struct mn_path_mtu *entry = MN_CONTAINER(link, struct mn_path_mtu, bucket);
        if (mn_address_equal(&entry->destination, &destination)) {
            mn_list_remove(&entry->age);
            mn_list_append(&cache->ages, &entry->age);
            return entry;
        }
    }
    return NULL;
}

/* A new entry stays, so it does not come of the reserve. */
static struct mn_path_mtu *create(struct mn_path_mtus *cache, struct mnet_address destination)
{
    if (cache->count == cache->max)
        forget(cache, oldest(cache));
    struct mn_path_mtu *entry = mn_pool_alloc_zeroed(&cache->pool, MN_CLAIM_SEND);
    if (entry == NULL)
        return NULL;
    entry->destination = destination;
    entry->timer.kind = cache->timer_kind;
    mn_list_append(bucket_of(cache, &destination), &entry->bucket);
    mn_list_append(&cache->ages, &entry->age);
    cache->count++;
    MN_ASSERT(cache->count <= cache->max);
    return entry;
}

uint16_t mn_path_mtu_find(struct mn_path_mtus *cache, struct mnet_address destination)
{
    const struct mn_path_mtu *entry = cache->count > 0 ? use_entry(cache, destination) : NULL;
    uint16_t link = mn_path_mtu_link(cache, destination);
    return entry == NULL ? link : MN_MIN(entry->mtu, link);
}

enum mn_path_mtu_verdict mn_path_mtu_lower(struct mn_path_mtus *cache, struct mnet_address destination, uint32_t mtu,
                                           uint64_t now)
{
    if (mn_address_is_ipv4(&destination))
        mtu = MN_MAX(mtu, MN_PATH_MTU_FLOOR_IPV4);
    else if (mtu < MN_PATH_MTU_FLOOR_IPV6) /* PMTU-4-2 */
        return MN_PATH_MTU_REFUSED;
    if (mtu >= mn_path_mtu_link(cache, destination)) /* PMTU-4-6 */
        return MN_PATH_MTU_REFUSED;
    struct mn_path_mtu *entry = use_entry(cache, destination);
    bool known = entry != NULL;
    if (!known && (entry = create(cache, destination)) == NULL)
        return MN_PATH_MTU_UNKNOWN;
    mn_wheel_arm(cache->wheel, &entry->timer, mn_time_after(now, cache->age_ns)); /* PMTU-4-5 */
    if (known && mtu >= entry->mtu)
        return MN_PATH_MTU_KEPT;
    entry->mtu = (uint16_t)mtu; /* PMTU-4-3; less than the link's, which has 16 bits */
    cache->generation++;
    return MN_PATH_MTU_LOWERED;
}

void mn_path_mtus_set_link(struct mn_path_mtus *cache, uint16_t ipv4, uint16_t ipv6)
{
    MN_ASSERT(ipv4 > 0 && ipv6 > 0);
    if (ipv4 == cache->link_ipv4 && ipv6 == cache->link_ipv6)
        return;
    cache->link_ipv4 = ipv4;
    cache->link_ipv6 = ipv6;
    cache->generation++;
}

void mn_path_mtu_expire(struct mn_path_mtus *cache, struct mn_timer *timer)
{
    MN_ASSERT(timer->kind == cache->timer_kind);
    forget(cache, MN_CONTAINER(timer, struct mn_path_mtu, timer));
}
