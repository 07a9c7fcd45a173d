/* Programs of a C library as machines: the side of src/syscall that is the processor's. See
 * docs/machines.md. */
#ifndef MN_VIRTIO_PROGRAM_H
#define MN_VIRTIO_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

struct mnet_env;
struct mn_program;

/* For the report of a page fault: the reason if the address is the program's memory, or NULL. */
const char *mn_program_fault(uint64_t address);

/* The registers of a thread in a system call, in the order in which entry.S saves them. */
struct mn_registers {
    uint64_t r15, r14, r13, r12, rbp, rbx, r9, r8, r10, rdx, rsi, rdi, rax, rflags, rip, rsp;
};

/* ---- entry.S ---- */

/* Where the processor goes by the instruction syscall: the call is served on the stack of the
 * thread's task, or on the stack that is in use. */
void mn_program_entry(void);
void mn_program_entry_here(void);
/* Leaves the task for its thread, which goes on with these registers. */
_Noreturn void mn_program_enter(const struct mn_registers *registers);

struct mn_handler;
struct mn_thread;

/* ---- handler.c: as the functions of struct mn_system_port ---- */

uint64_t mn_program_stack(const struct mn_thread *thread);
void mn_program_begin_handler(struct mn_thread *thread, const struct mn_handler *handler);
int64_t mn_program_end_handler(struct mn_thread *thread, uint64_t *mask);

/* ---- program.c ---- */

/* Takes `percent` of the largest piece of memory of up to `most` bytes: what is left is for the
 * stacks of tasks. NULL if there is none. */
void *mn_program_memory(struct mnet_env *env, size_t most, unsigned percent, size_t *size);
/* Runs the program in the first task, with `entry` for its calls. The fields about the image and
 * the port are filled in. Its result is that of mn_system_run. */
int mn_program_run(struct mnet_env *env, struct mn_program *program, void (*entry)(void));
/* For the main of a C library that is lent: see src/syscall/lend.c. */
int mn_program_lend(void);

/* Called by entry.S. */
void mn_program_call(struct mn_registers *registers);

#endif
