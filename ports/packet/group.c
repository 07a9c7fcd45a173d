/* Several sockets on an interface, one for each core: a fan-out group of the kernel's, which gives
 * each frame to one of them. A filter computes the rule of wire/spread.h, and its result modulo the
 * number of sockets, in the order in which they joined, is the socket. So nearly every frame comes
 * where it belongs at once; those that the filter does not understand go to the first one.
 */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "base/base.h"
#include "ports/packet/packet_internal.h"
#include "wire/spread.h"

/* Not in the headers of older kernels. */
#ifndef PACKET_FANOUT_FLAG_UNIQUEID
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000
#endif

/* Offsets in the packet, wherever its link header lies. */
#define IP(offset) ((uint32_t)(SKF_NET_OFF + (offset)))
#define LOAD_BYTE(offset) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP(offset))
#define LOAD_HALF(offset) BPF_STMT(BPF_LD | BPF_H | BPF_ABS, IP(offset))
#define LOAD_WORD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP(offset))
/* XORs the word with the accumulator. */
#define FOLD_WORD(offset) BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD_WORD(offset), BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0)
#define IF_EQUAL(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
#define RETURN_FIRST BPF_STMT(BPF_RET | BPF_K, 0)

/* Places of the filter's memory. */
enum {
    ADDRESSES,
    LOCAL_PORT,
    REMOTE_PORT
};

static bool set_rule(int fd)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        IF_EQUAL(ETH_P_IP, 2, 0),
        IF_EQUAL(ETH_P_IPV6, 18, 0),
        RETURN_FIRST,
        /* IPv4: TCP or UDP, and no fragment */
        LOAD_BYTE(9),
        IF_EQUAL(IPPROTO_TCP, 2, 0),
        IF_EQUAL(IPPROTO_UDP, 1, 0),
        RETURN_FIRST,
        LOAD_HALF(6),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 0, 1),
        RETURN_FIRST,
        LOAD_WORD(12),
        FOLD_WORD(16),
        BPF_STMT(BPF_ST, ADDRESSES),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, IP(0)),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, IP(2)),
        BPF_STMT(BPF_ST, LOCAL_PORT),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, IP(0)),
        BPF_STMT(BPF_JMP | BPF_JA, 30),
        /* IPv6 without extension headers */
        LOAD_BYTE(6),
        IF_EQUAL(IPPROTO_TCP, 2, 0),
        IF_EQUAL(IPPROTO_UDP, 1, 0),
        RETURN_FIRST,
        LOAD_WORD(8),
        FOLD_WORD(12),
        FOLD_WORD(16),
        FOLD_WORD(20),
        FOLD_WORD(24),
        FOLD_WORD(28),
        FOLD_WORD(32),
        FOLD_WORD(36),
        BPF_STMT(BPF_ST, ADDRESSES),
        LOAD_HALF(42),
        BPF_STMT(BPF_ST, LOCAL_PORT),
        LOAD_HALF(40),
        /* Both: the remote port is in the accumulator. */
        BPF_STMT(BPF_ST, REMOTE_PORT),
        BPF_STMT(BPF_LD | BPF_MEM, LOCAL_PORT),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, MN_SPREAD_PORT_FIRST, 7, 0),
        BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 16),
        BPF_STMT(BPF_LDX | BPF_MEM, REMOTE_PORT),
        BPF_STMT(BPF_ALU | BPF_OR | BPF_X, 0),
        BPF_STMT(BPF_LDX | BPF_MEM, ADDRESSES),
        BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, MN_SPREAD_MULTIPLIER),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, MN_SPREAD_SHIFT),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = {MN_COUNT_OF(steps), steps};
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program) == 0;
}

bool mn_packet_socket_group(const struct packet_socket *socket, int fd)
{
    struct mn_queues *all = socket->interface.queue->all;
    int value = all->grouped ? all->group | PACKET_FANOUT_CBPF << 16
                             : (PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
    socklen_t len = sizeof value;
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof value) < 0)
        return false;
    if (!all->grouped && getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &len) < 0)
        return false;
    if (!all->grouped)
        all->group = (uint16_t)value;
    all->grouped = true;
    return set_rule(fd);
}
