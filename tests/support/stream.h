/* Functions that the tests of reading and the tests of writing share. */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include "support/world.h"

int write_text(struct mnet_flow *flow, const char *text);
/* Reads up to the end of the stream. *total is the number of bytes. Checks that they are runs of
 * one letter, each `run` long. */
int read_runs(struct world *w, struct mnet_flow *flow, size_t run, size_t *total);
/* For mnet_tcp_write_lent: increments the int that `context` points to. */
void count_release(void *context);

#endif
