/* The switch between stacks for x86-64, System V ABI: see switch.h. */
#if defined(__x86_64__) && !defined(MN_TASK_UCONTEXT)

    .text

/* void mn_switch(void **from, void *to) */
    .globl mn_switch
    .hidden mn_switch
    .type mn_switch, @function
    .p2align 4
mn_switch:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    /* The frame looks the same on the other stack, so the unwinder's rules go on unchanged. */
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    popq %rcx /* a jump, where a return would be mispredicted: see switch.h */
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    jmpq *%rcx
    .cfi_endproc
    .size mn_switch, . - mn_switch

/* Where a prepared context begins: entry in r12, its argument in r13. The outermost frame of every backtrace. */
    .type task_start, @function
    .p2align 4
task_start:
    .cfi_startproc
    .cfi_undefined %rip
    nop /* unwinders look at the byte before a return address, which this is at first */
task_begin:
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size task_start, . - task_start

/* void *mn_switch_prepare(void *lowest, void *top, void (*entry)(void *), void *argument)
 * Leaves the frame that mn_switch takes up, so that task_begin runs with an aligned stack. */
    .globl mn_switch_prepare
    .hidden mn_switch_prepare
    .type mn_switch_prepare, @function
    .p2align 4
mn_switch_prepare:
    .cfi_startproc
    leaq -72(%rsi), %rax
    leaq task_begin(%rip), %r8
    movq $0, (%rax)    /* r15 */
    movq $0, 8(%rax)   /* r14 */
    movq %rcx, 16(%rax) /* r13 */
    movq %rdx, 24(%rax) /* r12 */
    movq $0, 32(%rax)  /* rbx */
    movq $0, 40(%rax)  /* rbp: ends chains of frame pointers */
    movq %r8, 48(%rax)
    movq $0, 56(%rax)
    movq $0, 64(%rax)
    ret
    .cfi_endproc
    .size mn_switch_prepare, . - mn_switch_prepare

#endif

    .section .note.GNU-stack, "", %progbits
