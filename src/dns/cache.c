/* The cache of DNS answers: see answer.h. */
#include "dns/answer.h"

#include <string.h>

#define SMALL_BYTES 512u
#define EVERY_TYPE 0 /* NO_NAME holds for all types (RFC 2308 5) */

void mn_dns_cache_init(struct mn_dns_cache *cache, struct mnet_memory *memory, struct mn_random *random, unsigned max)
{
    memset(cache, 0, sizeof *cache);
    cache->max = max;
    cache->key.k0 = mn_random_u64(random);
    cache->key.k1 = mn_random_u64(random);
    mn_pool_init(&cache->small, memory, "short answers of DNS", SMALL_BYTES, SIZE_MAX);
    mn_pool_init(&cache->large, memory, "long answers of DNS", sizeof(struct mn_dns_answer) + MN_DNS_DATA_MAX,
                 SIZE_MAX);
    for (unsigned i = 0; i < MN_DNS_BUCKETS; i++)
        mn_list_init(&cache->buckets[i]);
    mn_list_init(&cache->ages);
}

static struct mnet_link *bucket_of(struct mn_dns_cache *cache, const struct mn_dns_name *name)
{
    return &cache->buckets[mn_dns_name_hash(name, &cache->key) % MN_DNS_BUCKETS];
}

static struct mn_dns_answer *of_age(struct mnet_link *age)
{
    return MN_CONTAINER(age, struct mn_dns_answer, age);
}

void mn_dns_answer_release(struct mn_dns_cache *cache, struct mn_dns_answer *answer)
{
    MN_ASSERT(answer->users > 0);
    if (--answer->users > 0)
        return;
    MN_ASSERT(!mn_list_linked(&answer->link) && !mn_list_linked(&answer->age));
    mn_pool_free(sizeof *answer + answer->len <= SMALL_BYTES ? &cache->small : &cache->large, answer);
}

/* Removes an answer from the cache. Its other holders keep it. */
static void forget(struct mn_dns_cache *cache, struct mn_dns_answer *answer)
{
    mn_list_remove(&answer->link);
    mn_list_remove(&answer->age);
    cache->count--;
    mn_dns_answer_release(cache, answer);
}

void mn_dns_cache_clear(struct mn_dns_cache *cache)
{
    while (!mn_list_empty(&cache->ages))
        forget(cache, of_age(mn_list_first(&cache->ages)));
}

struct mn_dns_answer *mn_dns_cache_find(struct mn_dns_cache *cache, const struct mn_dns_name *name, uint16_t type,
                                        uint64_t now)
{
    struct mnet_link *bucket = bucket_of(cache, name), *next;
    for (struct mnet_link *link = mn_list_begin(bucket); link != bucket; link = next) {
        struct mn_dns_answer *answer = MN_CONTAINER(link, struct mn_dns_answer, link);
        next = link->next;
        if (now >= answer->expires_ns) {
            forget(cache, answer);
        } else if ((answer->type == type || answer->type == EVERY_TYPE) && mn_dns_name_equal(&answer->name, name)) {
            mn_list_remove(&answer->age);
            mn_list_append(&cache->ages, &answer->age);
            answer->users++;
            return answer;
        }
    }
    return NULL;
}

/* Returns a new answer. If there is no memory, old ones make room. */
static struct mn_dns_answer *new_answer(struct mn_dns_cache *cache, size_t len)
{
    struct mn_pool *pool = sizeof(struct mn_dns_answer) + len <= SMALL_BYTES ? &cache->small : &cache->large;
    struct mn_dns_answer *answer;
    while ((answer = mn_pool_alloc_zeroed(pool, MN_CLAIM_SEND)) == NULL && !mn_list_empty(&cache->ages))
        forget(cache, of_age(mn_list_first(&cache->ages)));
    return answer;
}

static void keep(struct mn_dns_cache *cache, struct mn_dns_answer *answer, uint32_t ttl_s, uint64_t now)
{
    struct mn_dns_answer *other;
    while ((other = mn_dns_cache_find(cache, &answer->name, answer->type, now)) != NULL) {
        forget(cache, other);
        mn_dns_answer_release(cache, other);
    }
    if (cache->count == cache->max)
        forget(cache, of_age(mn_list_first(&cache->ages)));
    answer->expires_ns = mn_time_after(now, ttl_s * MNET_SECOND);
    answer->users++;
    cache->count++;
    mn_list_append(bucket_of(cache, &answer->name), &answer->link);
    mn_list_append(&cache->ages, &answer->age);
}

struct mn_dns_answer *mn_dns_cache_add(struct mn_dns_cache *cache, const struct mn_dns_name *name, uint16_t type,
                                       const struct mn_dns_reading *reading, const uint8_t *data, uint64_t now)
{
    MN_ASSERT(reading->status != MN_DNS_PENDING && reading->len <= MN_DNS_DATA_MAX);
    struct mn_dns_answer *answer = new_answer(cache, reading->len);
    if (answer == NULL)
        return NULL;
    answer->name = *name;
    answer->type = reading->status == MN_DNS_NO_NAME ? EVERY_TYPE : type;
    answer->status = (uint8_t)reading->status;
    answer->count = reading->count;
    answer->len = reading->len;
    answer->users = 1;
    if (reading->len > 0)
        memcpy(answer->data, data, reading->len);
    if (reading->ttl_s > 0 && cache->max > 0)
        keep(cache, answer, reading->ttl_s, now);
    return answer;
}

const uint8_t *mn_dns_answer_next(const struct mn_dns_answer *answer, const uint8_t *record, size_t *len)
{
    const uint8_t *at = answer->data;
    if (record != NULL)
        at = record + (record[-2] << 8 | record[-1]);
    if (at == answer->data + answer->len)
        return NULL;
    *len = (size_t)(at[0] << 8 | at[1]);
    MN_ASSERT(at + 2 + *len <= answer->data + answer->len);
    return at + 2;
}

void mn_dns_cache_check(const struct mn_dns_cache *cache)
{
    unsigned count = 0;
    for (const struct mnet_link *age = mn_list_begin(&cache->ages); age != &cache->ages; age = age->next, count++) {
        const struct mn_dns_answer *answer = MN_CONTAINER((struct mnet_link *)age, struct mn_dns_answer, age);
        MN_ASSERT(answer->users > 0 && mn_list_linked(&answer->link) && answer->status != MN_DNS_PENDING);
        MN_ASSERT((answer->status == MN_DNS_FOUND) == (answer->count > 0));
    }
    MN_ASSERT(count == cache->count && count <= cache->max);
}
