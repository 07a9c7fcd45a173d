/* Names and descriptions of the counters of mnet/counters.h. */
#include <mnet/counters.h>

#include <stddef.h>

static const struct {
    const char *name, *text;
} counters[MNET_COUNTER_MAX] = {
#define ENTRY(identifier, name, text) [MNET_COUNT_##identifier] = {name, text},
    MNET_COUNTERS(ENTRY)
#undef ENTRY
};

const char *mnet_counter_name(enum mnet_counter counter)
{
    return (unsigned)counter < MNET_COUNTER_MAX ? counters[counter].name : NULL;
}

const char *mnet_counter_text(enum mnet_counter counter)
{
    return (unsigned)counter < MNET_COUNTER_MAX ? counters[counter].text : NULL;
}
