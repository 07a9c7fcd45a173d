/* The family of addresses that a program of scripts runs over. */
#include "tests/tcp/harness.h"

static enum family family = IPV4;

/* Before main. */
__attribute__((constructor)) static void read_family(void)
{
    const char *name = getenv("TCP_TEST_FAMILY");
    if (name != NULL && strcmp(name, "ipv6") == 0)
        family = IPV6;
    else if (name != NULL && strcmp(name, "ipv4") != 0)
        abort();
}

enum family tcp_family(void)
{
    return family;
}

void tcp_set_family(enum family other)
{
    family = other;
}

char only_over_ipv4, only_over_ipv6;

int run_some_scripts(const char *name, const struct CMUnitTest *scripts, size_t count)
{
    const void *others = family == IPV4 ? &only_over_ipv6 : &only_over_ipv4;
    struct CMUnitTest *kept = calloc(count, sizeof *kept);
    size_t number = 0;
    for (size_t i = 0; i < count; i++) {
        if (scripts[i].initial_state != others)
            kept[number++] = scripts[i];
    }
    int failed = _cmocka_run_group_tests(name, kept, number, NULL, NULL);
    free(kept);
    return failed;
}
