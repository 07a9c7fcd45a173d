#include "ip/neighbour.h"

#include <string.h>

#include "base/list.h"
#include "base/memory.h"

void mn_neighbours_init(struct mn_neighbours *table, struct mnet_memory *memory, struct mn_wheel *wheel,
                        struct mnet_counters *counters, struct mn_hash_key key, unsigned max, size_t pending_bytes_max,
                        uint8_t timer_kind)
{
    MN_ASSERT(max > 0);
    *table = (struct mn_neighbours){
        .wheel = wheel,
        .counters = counters,
        .key = key,
        .max = max,
        .pending_bytes_max = pending_bytes_max,
        .timer_kind = timer_kind,
    };
    mn_pool_init(&table->pool, memory, "neighbours", sizeof(struct mn_neighbour), max);
}

void mn_neighbours_deinit(struct mn_neighbours *table)
{
    for (unsigned age = 0; age < MN_NEIGHBOUR_AGES; age++)
        for (struct mnet_link *link; (link = mn_list_first(&table->ages[age])) != NULL;)
            mn_neighbour_remove(table, MN_CONTAINER(link, struct mn_neighbour, age));
    MN_ASSERT(table->count == 0 && table->pending == 0 && table->pending_bytes == 0);
}

MN_RARE void mn_neighbours_remove_family(struct mn_neighbours *table, bool ipv4)
{
    for (unsigned age = 0; age < MN_NEIGHBOUR_AGES; age++) {
        struct mnet_link *head = &table->ages[age], *node = mn_list_first(head), *next;
        for (; node != NULL && node != head; node = next) {
            struct mn_neighbour *neighbour = MN_CONTAINER(node, struct mn_neighbour, age);
            next = node->next;
            if (mn_address_is_ipv4(&neighbour->address) == ipv4)
                mn_neighbour_remove(table, neighbour);
        }
    }
}

static struct mnet_link *bucket_of(struct mn_neighbours *table, const struct mnet_address *address)
{
    uint64_t words[2];
    memcpy(words, address->bytes, sizeof words);
    return &table->buckets[mn_siphash13_words(&table->key, words, 2) % MN_NEIGHBOUR_BUCKETS];
}

struct mn_neighbour *mn_neighbour_search(struct mn_neighbours *table, struct mnet_address address)
{
    struct mnet_link *bucket = bucket_of(table, &address);
    for (struct mnet_link *link = mn_list_first(bucket); link != NULL && link != bucket; link = link->next) {
        struct mn_neighbour *neighbour = MN_CONTAINER(link, struct mn_neighbour, bucket);
        if (mn_address_equal(&neighbour->address, &address))
            return table->last = neighbour;
    }
    return NULL;
}

static unsigned age_list_of(const struct mn_neighbour *neighbour)
{
    MN_DEBUG_ASSERT(neighbour->state <= MN_NEIGHBOUR_FAILED);
    if (neighbour->state == MN_NEIGHBOUR_INCOMPLETE || neighbour->state == MN_NEIGHBOUR_FAILED)
        return MN_NEIGHBOUR_AGE_UNRESOLVED;
    return neighbour->ever_used ? MN_NEIGHBOUR_AGE_USED : MN_NEIGHBOUR_AGE_IDLE;
}

/* Moves an entry to the youngest place of the list that it belongs to. */
static void make_youngest(struct mn_neighbours *table, struct mn_neighbour *neighbour)
{
    MN_DEBUG_ASSERT(!mn_list_linked(&neighbour->age) || table->count > 0);
    if (mn_list_linked(&neighbour->age) && neighbour->age_list == MN_NEIGHBOUR_AGE_UNRESOLVED)
        table->unresolved--;
    mn_list_remove(&neighbour->age);
    neighbour->age_list = (uint8_t)age_list_of(neighbour);
    mn_list_append(&table->ages[neighbour->age_list], &neighbour->age);
    if (neighbour->age_list == MN_NEIGHBOUR_AGE_UNRESOLVED)
        table->unresolved++;
    MN_DEBUG_ASSERT(table->unresolved <= table->max);
}

/* The oldest entry of one list that is a gateway's or not, as asked. There are few gateways, so few
 * steps. */
static struct mn_neighbour *oldest(struct mn_neighbours *table, unsigned age, bool gateway)
{
    MN_DEBUG_ASSERT(age < MN_NEIGHBOUR_AGES);
    struct mnet_link *head = &table->ages[age];
    for (struct mnet_link *link = mn_list_first(head); link != NULL && link != head; link = link->next) {
        struct mn_neighbour *neighbour = MN_CONTAINER(link, struct mn_neighbour, age);
        if (neighbour->gateway == gateway)
            return neighbour;
    }
    return NULL;
}

static struct mn_neighbour *choose_victim(struct mn_neighbours *table)
{
    struct mn_neighbour *victim = NULL;
    if (table->unresolved > table->max / 4)
        victim = oldest(table, MN_NEIGHBOUR_AGE_UNRESOLVED, false);
    for (int gateway = 0; gateway <= 1; gateway++) {
        if (victim == NULL)
            victim = oldest(table, MN_NEIGHBOUR_AGE_IDLE, gateway);
        if (victim == NULL)
            victim = oldest(table, MN_NEIGHBOUR_AGE_USED, gateway);
        if (victim == NULL)
            victim = oldest(table, MN_NEIGHBOUR_AGE_UNRESOLVED, gateway);
    }
    MN_ASSERT(victim != NULL);
    return victim;
}

/* Entries stay, so none comes of the reserve, and without memory none has to go for a stranger. */
struct mn_neighbour *mn_neighbour_create(struct mn_neighbours *table, struct mnet_address address, bool gateway)
{
    MN_DEBUG_ASSERT(mn_neighbour_search(table, address) == NULL);
    MN_DEBUG_ASSERT(address.zone == 0 && !mn_address_is_any(&address));
    if (table->count == table->max)
        table->counters->value[MNET_COUNT_ARP_DROP_TABLE] += mn_neighbour_remove(table, choose_victim(table));
    struct mn_neighbour *neighbour = mn_pool_alloc_zeroed(&table->pool, MN_CLAIM_SEND);
    if (neighbour == NULL)
        return NULL;
    neighbour->address = address;
    neighbour->gateway = gateway;
    neighbour->state = MN_NEIGHBOUR_INCOMPLETE;
    neighbour->timer.kind = table->timer_kind;
    mn_list_append(bucket_of(table, &address), &neighbour->bucket);
    make_youngest(table, neighbour);
    table->count++;
    return neighbour;
}

unsigned mn_neighbour_remove(struct mn_neighbours *table, struct mn_neighbour *neighbour)
{
    MN_DEBUG_ASSERT(table->count > 0 && mn_list_linked(&neighbour->age) && mn_list_linked(&neighbour->bucket));
    unsigned waited = mn_packet_queue_clear(&neighbour->pending);
    MN_DEBUG_ASSERT(table->pending >= waited && table->pending_bytes >= neighbour->pending_bytes);
    table->pending -= waited;
    table->pending_bytes -= neighbour->pending_bytes;
    table->count--;
    if (neighbour->age_list == MN_NEIGHBOUR_AGE_UNRESOLVED)
        table->unresolved--;
    if (table->last == neighbour)
        table->last = NULL;
    mn_wheel_cancel(table->wheel, &neighbour->timer);
    mn_list_remove(&neighbour->age);
    mn_list_remove(&neighbour->bucket);
    mn_pool_free(&table->pool, neighbour);
    return waited;
}

void mn_neighbour_set(struct mn_neighbours *table, struct mn_neighbour *neighbour, enum mn_neighbour_state state,
                      uint64_t at_ns)
{
    MN_DEBUG_ASSERT(at_ns != MNET_NEVER);
    MN_DEBUG_ASSERT(mn_list_linked(&neighbour->bucket));
    neighbour->state = (uint8_t)state;
    if (neighbour->age_list != age_list_of(neighbour))
        make_youngest(table, neighbour);
    mn_wheel_arm(table->wheel, &neighbour->timer, at_ns);
}

void mn_neighbour_use(struct mn_neighbours *table, struct mn_neighbour *neighbour)
{
    MN_DEBUG_ASSERT(mn_list_linked(&neighbour->age));
    neighbour->used = neighbour->ever_used = true;
    bool youngest = neighbour->age.next == &table->ages[MN_NEIGHBOUR_AGE_USED]; /* the last */
    if (MN_UNLIKELY(!youngest) && age_list_of(neighbour) == MN_NEIGHBOUR_AGE_USED)
        make_youngest(table, neighbour);
}

static void drop_first_waiting(struct mn_neighbours *table, struct mn_neighbour *neighbour)
{
    MN_DEBUG_ASSERT(neighbour->pending.count > 0 && table->pending > 0);
    mnet_packet_free(mn_neighbour_take(table, neighbour));
    table->counters->value[MNET_COUNT_ARP_DROP_PENDING]++;
}

MN_RARE bool mn_neighbours_drop_waiting(struct mn_neighbours *table)
{
    struct mnet_link *head = &table->ages[MN_NEIGHBOUR_AGE_UNRESOLVED];
    for (struct mnet_link *link = mn_list_first(head); link != NULL && link != head; link = link->next) {
        struct mn_neighbour *neighbour = MN_CONTAINER(link, struct mn_neighbour, age);
        if (neighbour->pending.count > 0) {
            drop_first_waiting(table, neighbour);
            return true;
        }
    }
    return false;
}

void mn_neighbours_relieve(struct mn_neighbours *table)
{
    while (mn_memory_is_short(table->pool.memory) && mn_neighbours_drop_waiting(table))
        continue;
}

MN_RARE void mn_neighbour_wait(struct mn_neighbours *table, struct mn_neighbour *neighbour, struct mnet_packet *packet)
{
    MN_DEBUG_ASSERT(packet->total > 0 && packet->next == NULL);
    MN_ASSERT(neighbour->state == MN_NEIGHBOUR_INCOMPLETE);
    mn_neighbours_relieve(table);
    while (neighbour->pending.count > 0 && (neighbour->pending.count == MN_NEIGHBOUR_PENDING ||
                                            neighbour->pending_bytes + packet->total > MN_NEIGHBOUR_PENDING_BYTES))
        drop_first_waiting(table, neighbour);
    while (table->pending == MN_NEIGHBOUR_PENDING_TOTAL ||
           table->pending_bytes + packet->total > table->pending_bytes_max)
        if (!mn_neighbours_drop_waiting(table))
            break;
    mn_packet_queue_put(&neighbour->pending, packet);
    neighbour->pending_bytes += packet->total;
    table->pending_bytes += packet->total;
    table->pending++;
    MN_DEBUG_ASSERT(neighbour->pending.count <= MN_NEIGHBOUR_PENDING);
}

struct mnet_packet *mn_neighbour_take(struct mn_neighbours *table, struct mn_neighbour *neighbour)
{
    struct mnet_packet *packet = mn_packet_queue_take(&neighbour->pending);
    if (packet == NULL)
        return NULL;
    neighbour->pending_bytes -= packet->total;
    MN_DEBUG_ASSERT(neighbour->pending.count > 0 || neighbour->pending_bytes == 0);
    table->pending_bytes -= packet->total;
    table->pending--;
    return packet;
}

static void check_neighbour(const struct mn_neighbours *table, const struct mn_neighbour *neighbour)
{
    size_t bytes = 0;
    unsigned count = 0;
    for (const struct mnet_packet *packet = neighbour->pending.first; packet != NULL; packet = packet->next) {
        bytes += packet->total;
        count++;
    }
    MN_ASSERT(count == neighbour->pending.count && count <= MN_NEIGHBOUR_PENDING);
    MN_ASSERT(bytes == neighbour->pending_bytes && (count <= 1 || bytes <= MN_NEIGHBOUR_PENDING_BYTES));
    MN_ASSERT(count == 0 || neighbour->state == MN_NEIGHBOUR_INCOMPLETE);
    MN_ASSERT(neighbour->age_list == age_list_of(neighbour) && neighbour->address.zone == 0);
    MN_ASSERT(mn_timer_armed(&neighbour->timer) && neighbour->timer.kind == table->timer_kind);
    MN_ASSERT(mn_list_linked(&neighbour->bucket));
    /* Who is resolved has the link address of one station. */
    MN_ASSERT(neighbour->age_list == MN_NEIGHBOUR_AGE_UNRESOLVED || !mn_mac_is_group(neighbour->mac));
}

void mn_neighbours_check(const struct mn_neighbours *table)
{
    unsigned count = 0, hashed = 0, unresolved = 0, pending = 0;
    size_t bytes = 0;
    bool last = table->last == NULL;
    for (unsigned age = 0; age < MN_NEIGHBOUR_AGES; age++) {
        const struct mnet_link *head = &table->ages[age];
        for (const struct mnet_link *link = mn_list_first(head); link != NULL && link != head; link = link->next) {
            const struct mn_neighbour *neighbour = MN_CONTAINER(link, struct mn_neighbour, age);
            check_neighbour(table, neighbour);
            MN_ASSERT(neighbour->age_list == age && link->next->prev == link);
            count++;
            unresolved += age == MN_NEIGHBOUR_AGE_UNRESOLVED;
            pending += neighbour->pending.count;
            bytes += neighbour->pending_bytes;
            last |= table->last == neighbour;
        }
    }
    for (unsigned i = 0; i < MN_NEIGHBOUR_BUCKETS; i++) {
        const struct mnet_link *head = &table->buckets[i];
        for (const struct mnet_link *link = mn_list_first(head); link != NULL && link != head; link = link->next)
            hashed++;
    }
    MN_ASSERT(count == table->count && hashed == count && count <= table->max && last);
    MN_ASSERT(unresolved == table->unresolved && count == table->pool.in_use);
    MN_ASSERT(pending == table->pending && bytes == table->pending_bytes && pending <= MN_NEIGHBOUR_PENDING_TOTAL);
}
