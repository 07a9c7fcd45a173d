/* A network interface of the host, for the ports that send frames by one: its name, the size of its
 * frames, the address of mnet on it, and the state of its link.
 */
#ifndef MN_INTERFACE_H
#define MN_INTERFACE_H

#include <net/if.h>

#include <mnet/device.h>

#include "ports/hosted/queues.h"

struct mn_interface {
    struct mnet_device device; /* the functions below set its name, mac, mtu, fd and link_down */
    struct mn_queue *queue;    /* NULL: the process has no other queue of the interface */
    int fd;                    /* where frames come and go; -1: there is no such interface now */
    int link_fd;               /* netlink; -1: changes are not told, and looking is all there is */
    int index;                 /* the interface's; -1: there is none */
    uint64_t link_looked;      /* when news of the kernel were last looked for */
    uint64_t looked;           /* when an interface that is gone was last looked for */
    char name[IFNAMSIZ];
};

/* Where the cause of an error is told to the user, in one line. */
struct mn_why {
    char *text;
    size_t size;
};

/* Both say "NAME: WHAT". Return `error`. */
int mn_why_say(const struct mn_why *why, int error, const char *name, const char *what);

/* Prepares an interface that is all zeros: mn_interface_close may follow. */
void mn_interface_init(struct mn_interface *interface, const struct mnet_device_ops *ops, struct mn_queue *queue);
/* Reads NAME[,mac=ADDRESS]. The later ones of several queues have the name and the address of the
 * first. 0, or MNET_E_INVALID. */
int mn_interface_parse(struct mn_interface *interface, const char *place, const struct mn_why *why);
/* Says that there is no interface of this name, and `remedy`. Returns MNET_E_NO_DEVICE. */
int mn_interface_missing(const struct mn_interface *interface, const char *remedy, const struct mn_why *why);
/* Sets device.mtu, and device.mac if none was given: not the kernel's address, which belongs to the
 * kernel's end, but a random one. 0, MNET_E_NO_DEVICE or MNET_E_NO_ENTROPY. */
int mn_interface_read(struct mn_interface *interface, const struct mn_why *why);
/* Joins the queue with the others, if there are any; the last step of opening. 0, or
 * MNET_E_NO_DEVICE. */
int mn_interface_join(struct mn_interface *interface, const struct mn_why *why);
/* Asks the kernel with an ioctl of the SIOCGIF family. False, with errno, if it does not answer. */
bool mn_interface_ask(const struct mn_interface *interface, unsigned long what, struct ifreq *answer);
/* Returns true if an interface that was gone exists again and is set up. Before it is set up, its
 * maker may still hold it, or change its kind. The function looks for the interface if the kernel
 * has reported changes, and from time to time; otherwise it returns false. */
bool mn_interface_is_back(struct mn_interface *interface);

/* link.c */

/* Makes the descriptor device.fd, and the netlink socket if there can be one. Negative, with
 * errno. */
int mn_interface_open(struct mn_interface *interface);
void mn_interface_close(struct mn_interface *interface);
/* Frames come by `fd` from now on, until the interface is gone. */
void mn_interface_attach(struct mn_interface *interface, int fd);
/* Closes `fd` and takes the link down. The queue of an interface that is gone may be ready for
 * ever, and then a process that waits for it would never sleep. */
void mn_interface_detach(struct mn_interface *interface);
/* Takes all messages of the kernel about interfaces, and applies those about this one. Returns
 * whether there were any. */
bool mn_interface_changed(struct mn_interface *interface);
/* The same, if it was not done just before. Returns whether it was done now. */
bool mn_interface_look(struct mn_interface *interface, uint64_t now);

#endif
