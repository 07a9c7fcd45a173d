#include "dns/search.h"

#include "base/base.h"

bool mn_dns_search_name(const struct mn_dns_search *search, const struct mn_dns_name *name, bool complete,
                        unsigned number, struct mn_dns_name *to)
{
    *to = *name;
    if (complete || mn_dns_name_labels(name) > 1 || search->count == 0)
        return number == 0;
    for (unsigned i = 0; i < search->count; i++) {
        *to = *name;
        if (mn_dns_name_append(to, &search->domains[i]) && number-- == 0)
            return true;
    }
    return false;
}

enum mn_dns_special mn_dns_name_special(const struct mn_dns_name *name)
{
    static const struct mn_dns_name localhost = {11, "\11localhost"}, invalid = {9, "\7invalid"};
    if (mn_dns_name_is_below(name, &localhost))
        return MN_DNS_LOCALHOST;
    return mn_dns_name_is_below(name, &invalid) ? MN_DNS_INVALID : MN_DNS_ORDINARY;
}
