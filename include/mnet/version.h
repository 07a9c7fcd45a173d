/* The version of mnet. */
#ifndef MNET_VERSION_H
#define MNET_VERSION_H

/* Major, minor and patch level (semantic versioning). */
#define MNET_VERSION "0.1.0"

#endif
