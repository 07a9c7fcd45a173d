/* The node that public structures are threaded on. Its fields are mnet's. */
#ifndef MNET_LINK_H
#define MNET_LINK_H

/* Membership in a doubly linked list; zero-initialised is in none. */
struct mnet_link {
    struct mnet_link *next, *prev;
};

#endif
