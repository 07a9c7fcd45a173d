/* Measures TCP's goodput over a simulated link, in virtual time. There are one or more senders,
 * each a host with a connection that never ends, and one bottleneck, the path towards the receiver.
 * The same link and seed give the same bytes. */
#ifndef MN_TEST_GOODPUT_H
#define MN_TEST_GOODPUT_H

#include <mnet/mnet.h>
#include <mnet/sim.h>

#define GOODPUT_FLOWS 8
/* A full frame, and its bytes of text beside the timestamps option. */
#define GOODPUT_FRAME 1514
#define GOODPUT_TEXT 1448

struct goodput_link {
    unsigned flows;
    const char *arguments[GOODPUT_FLOWS]; /* of each sender's connection; NULL: no sender */
    struct mnet_sim_path there, back;     /* for data; for acknowledgements */
    uint32_t offload;                     /* of all hosts */
    uint32_t buffer;                      /* limit of the send and receive buffers; 0: default */
    uint64_t from_ns, to_ns;              /* begin and end of the measurement */
    /* Between these times nothing passes, in either direction; 0: never. */
    uint64_t down_ns, up_ns;
};

struct goodput {
    uint64_t received[GOODPUT_FLOWS]; /* bytes of each flow during the measurement */
    struct mnet_sim_path_counts there;
};

/* Fails the test if the simulation fails. */
void goodput_run(const struct goodput_link *link, uint64_t seed, struct goodput *result);
/* Returns the goodput of all flows, in bits per second. */
double goodput_bps(const struct goodput_link *link, const struct goodput *result);
/* Returns the goodput divided by the text that the bottleneck can carry in the same time. */
double goodput_utilisation(const struct goodput_link *link, const struct goodput *result);
/* Returns Jain's index: 1 if all flows have the same goodput, 1 / flows if one flow has all of
 * it. */
double goodput_fairness(const struct goodput_link *link, const struct goodput *result);

#endif
