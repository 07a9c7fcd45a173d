/* Where exceptions and interrupts arrive. See traps.h for the vectors, and for the frame that is built here. */

    .altmacro
    .text

    /* Pushes the error code, if the processor has not (SDM 3, table 6-1), and the vector. */
    .macro exception vector
    .p2align 4
    .if \vector != 8 && (\vector < 10 || \vector > 14) && \vector != 17 && \vector != 21 && \vector != 29 && \vector != 30
    pushq $0
    .endif
    pushq $\vector
    jmp report
    .endm

    .macro interrupt vector
    .p2align 3
    pushq $\vector
    jmp interrupted
    .endm

    .globl mn_exception_entries
    .p2align 4
mn_exception_entries:
    .set vector, 0
    .rept 32
    exception %vector
    .set vector, vector + 1
    .endr

    .globl mn_interrupt_entries
    .p2align 4
mn_interrupt_entries:
    .rept 96
    interrupt %vector
    .set vector, vector + 1
    .endr

    .type report, @function
report:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    cld
    andq $-16, %rsp
    call mn_trap
    ud2
    .size report, . - report

    /* Interrupts happen in mn_machine_wait and mn_machine_take_interrupts only, and the functions called from here use general registers only. */
    .type interrupted, @function
interrupted:
    pushq %rax
    movq 8(%rsp), %rax /* the vector */
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbp
    movl %eax, %edi
    cld
    movq %rsp, %rbp
    andq $-16, %rsp
    call mn_interrupted
    movq %rbp, %rsp
    popq %rbp
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $8, %rsp
    iretq
    .size interrupted, . - interrupted

    .section .note.GNU-stack, "", %progbits
