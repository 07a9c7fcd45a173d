/* The switch between stacks for aarch64, AAPCS64: see switch.h. */
#if defined(__aarch64__) && !defined(MN_TASK_UCONTEXT)

    .text

/* void mn_switch(void **from, void *to) */
    .globl mn_switch
    .hidden mn_switch
    .type mn_switch, %function
    .p2align 4
mn_switch:
    .cfi_startproc
    hint #34 /* bti c */
    stp x29, x30, [sp, #-160]!
    .cfi_adjust_cfa_offset 160
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    stp x19, x20, [sp, #16]
    .cfi_rel_offset x19, 16
    .cfi_rel_offset x20, 24
    stp x21, x22, [sp, #32]
    .cfi_rel_offset x21, 32
    .cfi_rel_offset x22, 40
    stp x23, x24, [sp, #48]
    .cfi_rel_offset x23, 48
    .cfi_rel_offset x24, 56
    stp x25, x26, [sp, #64]
    .cfi_rel_offset x25, 64
    .cfi_rel_offset x26, 72
    stp x27, x28, [sp, #80]
    .cfi_rel_offset x27, 80
    .cfi_rel_offset x28, 88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    /* The frame looks the same on the other stack, so the unwinder's rules go on unchanged. */
    ldp d14, d15, [sp, #144]
    ldp d12, d13, [sp, #128]
    ldp d10, d11, [sp, #112]
    ldp d8, d9, [sp, #96]
    ldp x27, x28, [sp, #80]
    ldp x25, x26, [sp, #64]
    ldp x23, x24, [sp, #48]
    ldp x21, x22, [sp, #32]
    ldp x19, x20, [sp, #16]
    ldp x29, x30, [sp], #160
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size mn_switch, . - mn_switch

/* Where a prepared context begins: entry in x19, its argument in x20. The outermost frame of every backtrace. */
    .type task_start, %function
    .p2align 4
task_start:
    .cfi_startproc
    .cfi_undefined x30
    nop /* unwinders look at the byte before a return address, which this is at first */
task_begin:
    mov x0, x20
    blr x19
    brk #0
    .cfi_endproc
    .size task_start, . - task_start

/* void *mn_switch_prepare(void *lowest, void *top, void (*entry)(void *), void *argument)
 * Leaves the frame that mn_switch takes up. */
    .globl mn_switch_prepare
    .hidden mn_switch_prepare
    .type mn_switch_prepare, %function
    .p2align 4
mn_switch_prepare:
    .cfi_startproc
    hint #34 /* bti c */
    sub x0, x1, #160
    adr x9, task_begin
    stp xzr, x9, [x0]       /* x29: ends chains of frame pointers; x30 */
    stp x2, x3, [x0, #16]   /* x19, x20 */
    stp xzr, xzr, [x0, #32]
    stp xzr, xzr, [x0, #48]
    stp xzr, xzr, [x0, #64]
    stp xzr, xzr, [x0, #80]
    stp xzr, xzr, [x0, #96] /* d8-d15 */
    stp xzr, xzr, [x0, #112]
    stp xzr, xzr, [x0, #128]
    stp xzr, xzr, [x0, #144]
    ret
    .cfi_endproc
    .size mn_switch_prepare, . - mn_switch_prepare

#endif

    .section .note.GNU-stack, "", %progbits
