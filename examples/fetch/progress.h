/* A line on the terminal that shows how much has come. */
#ifndef FETCH_PROGRESS_H
#define FETCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;              /* the error output is a terminal */
    uint64_t begun, printed; /* times of mnet_now; 0: not yet */
};

/* Shows `done` of `total` bytes, or only `done` if the total is UINT64_MAX, at most ten times a
 * second, and in each case if `last`. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total, bool last);

#endif
