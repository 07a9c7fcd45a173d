/* The largest holders: holders of memory are in lists by the binary order of their size, so the
 * worst is found without a walk.
 *
 * A holder is put at the end of the list of its size when it grows. When it shrinks it may stay in
 * its list until somebody compares it. So a list has all holders of its size, and perhaps some
 * smaller ones, in the order in which they entered it.
 */
#ifndef MN_HOGS_H
#define MN_HOGS_H

#include <mnet/link.h>

#include <stddef.h>

#include "base/base.h"

#define MN_HOG_LEAST 1024u /* smaller holders are in no list */
#define MN_HOG_SIZES 26u   /* from 1 KiB to 32 GiB and more */

struct mn_hog {
    struct mnet_link link;
    size_t beyond; /* from this many bytes on it belongs to another list */
};

struct mn_hogs {
    struct mnet_link by_size[MN_HOG_SIZES];
};

static inline void mn_hog_init(struct mn_hog *hog)
{
    hog->beyond = MN_HOG_LEAST;
}
/* Moves a holder to the list of its size. */
void mn_hog_place(struct mn_hogs *hogs, struct mn_hog *hog, size_t bytes);
/* Does nothing if the holder is in no list. */
void mn_hog_remove(struct mn_hog *hog);
/* Returns the first holder of the highest list that is not empty, or NULL if all are. */
struct mn_hog *mn_hogs_worst(const struct mn_hogs *hogs);

#endif
