#include "tcp/queue/hogs.h"

#include "base/list.h"

static unsigned size_of(size_t bytes)
{
    MN_DEBUG_ASSERT(MN_HOG_SIZES > 0);
    MN_DEBUG_ASSERT(bytes >= MN_HOG_LEAST);
    unsigned size = 0;
    while (size < MN_HOG_SIZES - 1 && bytes >= (size_t)MN_HOG_LEAST << 1 << size)
        size++;
    return size;
}

void mn_hog_remove(struct mn_hog *hog)
{
    mn_list_remove(&hog->link);
    hog->beyond = MN_HOG_LEAST;
    MN_DEBUG_ASSERT(!mn_list_linked(&hog->link));
}

void mn_hog_place(struct mn_hogs *hogs, struct mn_hog *hog, size_t bytes)
{
    mn_hog_remove(hog);
    if (bytes < MN_HOG_LEAST)
        return;
    unsigned size = size_of(bytes);
    mn_list_append(&hogs->by_size[size], &hog->link);
    hog->beyond = size == MN_HOG_SIZES - 1 ? SIZE_MAX : (size_t)MN_HOG_LEAST << 1 << size;
    MN_DEBUG_ASSERT(hog->beyond > bytes);
}

struct mn_hog *mn_hogs_worst(const struct mn_hogs *hogs)
{
    for (unsigned size = MN_HOG_SIZES; size-- > 0;) {
        struct mnet_link *first = mn_list_first(&hogs->by_size[size]);
        if (first != NULL)
            return MN_CONTAINER(first, struct mn_hog, link);
    }
    return NULL;
}
