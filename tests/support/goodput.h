/* What TCP makes of a simulated link, in virtual time: one or more senders, each a host with a connection that never ends, behind one bottleneck, the path
 * towards the receiver. The same link and seed give the same bytes. */
#ifndef MN_TEST_GOODPUT_H
#define MN_TEST_GOODPUT_H

#include <mnet/mnet.h>
#include <mnet/sim.h>

#define GOODPUT_FLOWS 8
/* Of a full frame the text, with timestamps among the options. */
#define GOODPUT_FRAME 1514
#define GOODPUT_TEXT 1448

struct goodput_link {
    unsigned flows;
    const char *arguments[GOODPUT_FLOWS]; /* of each sender; NULL: none */
    struct mnet_sim_path there, back;     /* of the data; of the acknowledgements */
    uint32_t offload;                     /* of all hosts */
    uint32_t buffer;                      /* most that windows may grow to; 0: default */
    uint64_t from_ns, to_ns;              /* when goodput is measured */
    uint64_t down_ns, up_ns;              /* in between nothing passes, in either direction; 0: never */
};

struct goodput {
    uint64_t received[GOODPUT_FLOWS]; /* bytes of each flow in the time that is measured */
    struct mnet_sim_path_counts there;
};

/* A test fails where the simulation does. */
void goodput_run(const struct goodput_link *link, uint64_t seed, struct goodput *result);
/* Of all flows, in bits per second. */
double goodput_bps(const struct goodput_link *link, const struct goodput *result);
/* Of what the bottleneck can carry as text: the part that arrived. */
double goodput_utilisation(const struct goodput_link *link, const struct goodput *result);
/* Jain's index: 1 where all flows have the same, 1 / flows where one has everything. */
double goodput_fairness(const struct goodput_link *link, const struct goodput *result);

#endif
