/* What the tests of reading and of writing share. */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include "support/world.h"

int write_text(struct mnet_flow *flow, const char *text);
/* Reads to the end of the stream; *total is how many bytes there were, checked to be of runs of one letter each `run`
 * long. */
int read_runs(struct world *w, struct mnet_flow *flow, size_t run, size_t *total);
/* For mnet_tcp_write_lent: counts in the int behind `context`. */
void count_release(void *context);

#endif
