/* The blocking calls of mnet/dns.h, but for mnet_tcp_connect_name (tcp_connect_name.c). */
#include <string.h>

#include "stack/dns.h"

/* Waits until both lookups have ended. */
static int await_both(struct mn_name_wait *wait, uint64_t deadline)
{
    int error = MNET_OK;
    while (error == MNET_OK && !(mn_names_known(wait, 0) && mn_names_known(wait, 1)))
        error = mn_names_await(wait, deadline);
    return error;
}

/* Looks one complete name up; room for MNET_DNS_ADDRESSES_MAX addresses, half of them of one family
 * at least. */
static int resolve_name(struct mnet_stack *stack, const struct mn_dns_name *name, struct mnet_address *addresses,
                        uint64_t deadline)
{
    struct mn_name_wait wait;
    int error = mn_names_begin_host(&wait, stack, name);
    if (error < 0)
        return error;
    error = await_both(&wait, deadline);
    unsigned count = mn_names_append_addresses(&wait, 0, addresses, 0, MNET_DNS_ADDRESSES_MAX / 2);
    count = mn_names_append_addresses(&wait, 1, addresses, count, MNET_DNS_ADDRESSES_MAX);
    if (count == 0 && error == MNET_OK)
        error = mn_names_combine(&wait);
    mn_names_end(&wait);
    return count > 0 && error != MNET_E_CANCELLED ? (int)count : error;
}

/* Looks a name up in each domain of the search list, until one has it. */
static int search_name(struct mnet_stack *stack, const struct mn_dns_name *name, bool complete,
                       struct mnet_address *addresses, uint64_t deadline)
{
    struct mn_dns_search search;
    struct mn_dns_name tried;
    int result = MNET_E_NO_NAME;
    mn_names_get_search(stack, &search);
    for (unsigned i = 0; mn_dns_search_name(&search, name, complete, i, &tried); i++) {
        result = resolve_name(stack, &tried, addresses, deadline);
        if (result != MNET_E_NO_NAME && result != MNET_E_NO_DATA)
            break;
    }
    return result;
}

int mnet_dns_resolve(struct mnet_stack *stack, const char *text, struct mnet_address *addresses, unsigned max,
                     uint64_t deadline)
{
    struct mnet_address known[MNET_DNS_ADDRESSES_MAX];
    struct mn_dns_name name;
    bool complete;
    if (stack == NULL || text == NULL || addresses == NULL || max == 0)
        return MNET_E_INVALID;
    if (stack->ended)
        return MNET_E_CLOSED;
    int result = mn_names_parse(stack, text, known, &name, &complete);
    if (result == 0)
        result = search_name(stack, &name, complete, known, deadline);
    if (result <= 0)
        return result;
    if (result > 1) /* so none of them has a zone */
        mn_ip_sort(&stack->ip, &stack->losers, stack->config.tcp.first_address_family_count, known, (unsigned)result,
                   stack->now);
    unsigned count = MN_MIN((unsigned)result, max);
    memcpy(addresses, known, count * sizeof *addresses);
    return (int)count;
}

/* ---- Records ---- */

/* Looks up one type of a complete name. Returns 0 or an error; the caller ends the wait. */
static int lookup_name(struct mnet_stack *stack, const struct mn_dns_name *name, uint16_t type,
                       struct mn_name_wait *wait, uint64_t deadline)
{
    const uint16_t types[2] = {type, 0};
    int error = mn_names_begin(wait, stack, name, types);
    if (error == MNET_OK)
        error = await_both(wait, deadline);
    return error == MNET_OK ? mn_names_status(wait, 0) : error;
}

static bool is_wrong(struct mnet_stack *stack, const void *first, const void *second)
{
    return stack == NULL || first == NULL || second == NULL;
}

int mnet_dns_lookup(struct mnet_stack *stack, const char *text, enum mnet_dns_type type, void *buffer, size_t size,
                    uint64_t deadline)
{
    struct mn_name_wait wait;
    struct mn_dns_name name;
    bool complete;
    if (is_wrong(stack, text, buffer) || type <= 0 || type > UINT16_MAX || (int)type == MN_DNS_OPT ||
        !mn_dns_name_parse(&name, text, &complete))
        return MNET_E_INVALID;
    if (stack->ended)
        return MNET_E_CLOSED;
    int error = lookup_name(stack, &name, (uint16_t)type, &wait, deadline);
    const struct mn_dns_answer *answer = wait.lookups[0].lookup.answer;
    if (error == MNET_OK && answer->len > size)
        error = MNET_E_TOO_BIG;
    if (error == MNET_OK) {
        memcpy(buffer, answer->data, answer->len);
        error = answer->count;
    }
    mn_names_end(&wait);
    return error;
}

int mnet_dns_name_text(const void *data, size_t len, char *text, size_t size)
{
    struct mn_dns_name name;
    char all[MN_DNS_NAME_TEXT];
    if (data == NULL || text == NULL || !mn_dns_name_take(&name, data, len))
        return MNET_E_INVALID;
    mn_dns_name_format(&name, all);
    size_t text_len = strlen(all) + 1;
    if (text_len > size)
        return MNET_E_TOO_BIG;
    memcpy(text, all, text_len);
    return name.len;
}

int mnet_dns_reverse(struct mnet_stack *stack, struct mnet_address address, char *text, size_t size, uint64_t deadline)
{
    struct mn_name_wait wait;
    struct mn_dns_name name;
    if (is_wrong(stack, text, text) || mn_address_is_any(&address))
        return MNET_E_INVALID;
    if (stack->ended)
        return MNET_E_CLOSED;
    mn_dns_name_of_address(&name, address);
    int error = lookup_name(stack, &name, MN_DNS_PTR, &wait, deadline);
    if (error == MNET_OK) {
        size_t len;
        const uint8_t *record = mn_dns_answer_next(wait.lookups[0].lookup.answer, NULL, &len);
        error = MN_MIN(mnet_dns_name_text(record, len, text, size), 0);
    }
    mn_names_end(&wait);
    return error;
}
