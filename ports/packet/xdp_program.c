/* See xdp_program.h. The program has eighteen instructions, so it needs neither a compiler nor a
 * library for BPF. */
#include "ports/packet/xdp_program.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/base.h"

#define ETHERNET_BYTES 14

/* The registers as the program uses them. */
enum {
    R_RESULT = BPF_REG_0,
    R_CONTEXT = BPF_REG_1,
    R_MAP = BPF_REG_1,
    R_DATA = BPF_REG_2,
    R_QUEUE = BPF_REG_2,
    R_END = BPF_REG_3,
    R_OTHERWISE = BPF_REG_3,
    R_WORD = BPF_REG_4,
};

#define STEP(CODE, TO, FROM, OFFSET, VALUE) \
    ((struct bpf_insn){.code = (CODE), .dst_reg = (TO), .src_reg = (FROM), .off = (OFFSET), .imm = (VALUE)})
#define LOAD(SIZE, TO, FROM, OFFSET) STEP(BPF_LDX | BPF_MEM | (SIZE), TO, FROM, (int16_t)(OFFSET), 0)
#define SET(TO, VALUE) STEP(BPF_ALU64 | BPF_MOV | BPF_K, TO, 0, 0, VALUE)
/* Skips `STEPS` if the lower half of the register is another number. */
#define SKIP_UNLESS(REGISTER, VALUE, STEPS) STEP(BPF_JMP32 | BPF_JNE | BPF_K, REGISTER, 0, STEPS, (int32_t)(VALUE))

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

/* A map of sockets by the number of a queue, with one of queue 0. */
static int make_map(int fd)
{
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_XSKMAP,
                          .key_size = sizeof(uint32_t),
                          .value_size = sizeof(uint32_t),
                          .max_entries = 1};
    int map_fd = bpf(BPF_MAP_CREATE, &map);
    uint32_t queue = 0, socket = (uint32_t)fd;
    if (map_fd < 0)
        return map_fd;
    union bpf_attr entry = {.map_fd = (uint32_t)map_fd, .key = (uintptr_t)&queue, .value = (uintptr_t)&socket};
    if (bpf(BPF_MAP_UPDATE_ELEM, &entry) < 0) {
        close(map_fd);
        return -1;
    }
    return map_fd;
}

static int load(int map_fd, const uint8_t mac[6])
{
    uint32_t first;
    uint16_t rest;
    memcpy(&first, mac, sizeof first);
    memcpy(&rest, mac + sizeof first, sizeof rest);
    const struct bpf_insn steps[] = {
        LOAD(BPF_W, BPF_REG_5, R_CONTEXT, offsetof(struct xdp_md, rx_queue_index)),
        LOAD(BPF_W, R_END, R_CONTEXT, offsetof(struct xdp_md, data_end)),
        LOAD(BPF_W, R_DATA, R_CONTEXT, offsetof(struct xdp_md, data)),
        STEP(BPF_ALU64 | BPF_MOV | BPF_X, R_WORD, R_DATA, 0, 0),
        STEP(BPF_ALU64 | BPF_ADD | BPF_K, R_WORD, 0, 0, ETHERNET_BYTES),
        STEP(BPF_JMP | BPF_JGT | BPF_X, R_WORD, R_END, 10, 0), /* too short: pass */
        LOAD(BPF_W, R_WORD, R_DATA, 0),
        SKIP_UNLESS(R_WORD, first, 8),
        LOAD(BPF_H, R_WORD, R_DATA, sizeof first),
        SKIP_UNLESS(R_WORD, rest, 6),
        STEP(BPF_ALU64 | BPF_MOV | BPF_X, R_QUEUE, BPF_REG_5, 0, 0),
        STEP(BPF_LD | BPF_DW | BPF_IMM, R_MAP, BPF_PSEUDO_MAP_FD, 0, map_fd),
        STEP(0, 0, 0, 0, 0), /* the upper half of the number */
        SET(R_OTHERWISE, XDP_PASS),
        STEP(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
        STEP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        SET(R_RESULT, XDP_PASS),
        STEP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    static const char license[] = "ISC", name[] = "mnet";
    union bpf_attr program = {
        .prog_type = BPF_PROG_TYPE_XDP,
        .insn_cnt = MN_COUNT_OF(steps),
        .insns = (uintptr_t)steps,
        .license = (uintptr_t)license,
        .expected_attach_type = BPF_XDP,
    };
    memcpy(program.prog_name, name, sizeof name);
    return bpf(BPF_PROG_LOAD, &program);
}

int mn_xdp_program_attach(int fd, int index, const uint8_t mac[6], const char **what)
{
    *what = "no map of sockets for XDP";
    int map_fd = make_map(fd);
    if (map_fd < 0)
        return -1;
    *what = "no program for XDP";
    int program_fd = load(map_fd, mac);
    close(map_fd); /* the program holds it */
    if (program_fd < 0)
        return -1;
    *what = "no XDP on this interface";
    union bpf_attr link = {
        .link_create = {.prog_fd = (uint32_t)program_fd, .target_ifindex = (uint32_t)index, .attach_type = BPF_XDP}};
    int link_fd = bpf(BPF_LINK_CREATE, &link);
    close(program_fd);
    return link_fd;
}
