/* The list node inside public structures. Its fields are mnet's. */
#ifndef MNET_LINK_H
#define MNET_LINK_H

/* Membership in a doubly linked list. A zero-initialised node is in no list. */
struct mnet_link {
    struct mnet_link *next, *prev;
};

#endif
