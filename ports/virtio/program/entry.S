/* System calls of a program's threads.
 *
 * A thread runs on a stack of its own, which the C library has made, in ring 0 like all of the machine. The instruction syscall
 * keeps that stack (SDM 2, SYSCALL), which may be small, and has up to 128 bytes in use below the stack pointer. So the call is
 * served on the stack of the thread's task. `kernel_stack` is that of the thread that runs: tasks change only inside a call, and
 * each sets it when it returns to its thread. Interrupts are enabled only inside calls, see machine.h.
 *
 * The tasks of a program with mnet's calls (tasks.c) change at any of these, and have stacks that are large enough. Their calls
 * are served on these stacks, below the 128 bytes.
 *
 * The C library expects all registers but RAX, RCX and R11 back. Those of floating point are saved here, because mnet uses them.
 */

    .text

    .macro serve
    pushq thread_stack(%rip)
    pushq %rcx /* the address behind syscall */
    pushq %r11 /* the flags */
    pushq %rax
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r10
    pushq %r8
    pushq %r9
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    subq $512, %rsp
    fxsave64 (%rsp)
    xorl %eax, %eax
    movw %ax, %ss /* syscall has set one without a descriptor, which the return from an interrupt would load */
    call mn_program_call
    fxrstor64 (%rsp)
    addq $512, %rsp
    .endm

    .globl mn_program_entry
    .hidden mn_program_entry
    .type mn_program_entry, @function
    .p2align 4
mn_program_entry:
    movq %rsp, thread_stack(%rip)
    movq kernel_stack(%rip), %rsp
    serve
    leaq 128(%rsp), %rax
    movq %rax, kernel_stack(%rip)
resume:
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r9
    popq %r8
    popq %r10
    popq %rdx
    popq %rsi
    popq %rdi
    popq %rax
    addq $8, %rsp
    popq %rcx
    popq %rsp
    jmpq *%rcx
    .size mn_program_entry, . - mn_program_entry

    .globl mn_program_entry_here
    .hidden mn_program_entry_here
    .type mn_program_entry_here, @function
    .p2align 4
mn_program_entry_here:
    movq %rsp, thread_stack(%rip)
    subq $128, %rsp
    andq $-16, %rsp
    serve
    jmp resume
    .size mn_program_entry_here, . - mn_program_entry_here

/* void mn_program_enter(const struct mn_registers *registers)
 * The registers are read as the frame of a call that returns. */
    .globl mn_program_enter
    .hidden mn_program_enter
    .type mn_program_enter, @function
    .p2align 4
mn_program_enter:
    andq $-16, %rsp
    movq %rsp, kernel_stack(%rip)
    movq %rdi, %rsp
    jmp resume
    .size mn_program_enter, . - mn_program_enter

    .local kernel_stack
    .comm kernel_stack, 8, 8
    .local thread_stack
    .comm thread_stack, 8, 8

    .section .note.GNU-stack, "", %progbits
