/* The version of mnet. */
#ifndef MNET_VERSION_H
#define MNET_VERSION_H

#define MNET_VERSION "0.1.0"

#endif
