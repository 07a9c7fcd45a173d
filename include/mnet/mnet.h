/* All headers that an application needs. */
#ifndef MNET_MNET_H
#define MNET_MNET_H

#include <mnet/address.h>
#include <mnet/counters.h>
#include <mnet/dhcp.h>
#include <mnet/dns.h>
#include <mnet/env.h>
#include <mnet/error.h>
#include <mnet/format.h>
#include <mnet/log.h>
#include <mnet/metrics.h>
#include <mnet/panic.h>
#include <mnet/ping.h>
#include <mnet/resolvers.h>
#include <mnet/sntp.h>
#include <mnet/stack.h>
#include <mnet/stream.h>
#include <mnet/task.h>
#include <mnet/tcp.h>
#include <mnet/tcp_settings.h>
#include <mnet/time.h>
#include <mnet/udp.h>
#include <mnet/watch.h>

#endif
