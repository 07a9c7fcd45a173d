/* Who holds the most: holders of memory in lists by the binary order of how much they hold, so that the worst is found without a walk.
 *
 * A holder is put into the list of its size, last, when it grows into it; when it shrinks it may stay where it is until somebody looks. So a list
 * has all that hold so much, and perhaps some that hold less, the one that has been there for longest first.
 */
#ifndef MN_HOGS_H
#define MN_HOGS_H

#include <mnet/link.h>

#include <stddef.h>

#include "base/base.h"

#define MN_HOG_LEAST 1024u /* who holds less is in no list */
#define MN_HOG_SIZES 26u   /* from 1 KiB to 32 GiB and more */

struct mn_hog {
    struct mnet_link link;
    size_t beyond; /* from so many bytes on it belongs into another list */
};

struct mn_hogs {
    struct mnet_link by_size[MN_HOG_SIZES];
};

static inline void mn_hog_init(struct mn_hog *hog)
{
    hog->beyond = MN_HOG_LEAST;
}
/* Moves it to where it belongs now. */
void mn_hog_place(struct mn_hogs *hogs, struct mn_hog *hog, size_t bytes);
/* Allowed for one that is in no list. */
void mn_hog_remove(struct mn_hog *hog);
/* The first of the highest list that has any; NULL where none has. */
struct mn_hog *mn_hogs_worst(const struct mn_hogs *hogs);

#endif
