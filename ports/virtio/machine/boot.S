/* From the loader's hands to C: the PVH entry, long mode, and a first map of memory.
 *
 * The loader (QEMU, Firecracker, Cloud Hypervisor) finds the entry in an ELF note and jumps there in 32-bit protected mode with flat
 * segments, paging and interrupts off, and the address of its description of the machine in EBX (the x86/HVM direct boot ABI of
 * Xen, "docs/misc/pvh.pandoc"). The first map is the lowest GiB, one to one; mn_machine_start replaces it.
 */

    /* Bits of CR0 (SDM 3, 2.5): protection, FPU present and its errors as exceptions, read-only pages hold for us, too, paging. */
#define CR0_BITS 0x80010023
    /* Bits of CR4: physical address extension, SSE with its exceptions, global pages. */
#define CR4_BITS 0x6a0
#define MSR_EFER 0xc0000080
#define CPUID_HIGHEST 0x80000000
#define CPUID_EXTENDED 0x80000001
#define HAS_NO_EXECUTE (1 << 20)
#define HAS_LONG_MODE (1 << 29)
    /* Long mode, and pages that cannot be executed. */
#define EFER_BITS 0x900
    /* A page: present and writable; 2 MiB of them at once. */
#define PAGE_TABLE 0x3
#define PAGE_2M 0x83

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18 /* lengths of name and value; XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad mn_machine_entry

    .section .text.entry, "ax", @progbits
    .code32
    .globl mn_machine_entry
    .type mn_machine_entry, @function
mn_machine_entry:
    cli
    cld
    rdtsc /* when it all began: ESP:ESI from here on */
    movl %eax, %esi
    movl %edx, %esp
unpacked:
    movl %ebx, %ebp
    /* AMD64 APM 3, appendix E.4: what must be there. A program for 64 bits could not even say what is missing. */
    movl $CPUID_HIGHEST, %eax
    cpuid
    cmpl $CPUID_EXTENDED, %eax
    jb 3f
    movl $CPUID_EXTENDED, %eax
    cpuid
    testl $HAS_LONG_MODE, %edx
    jz 3f
    testl $HAS_NO_EXECUTE, %edx
    jz 4f
    movl %esp, %ebx
    /* Loaders clear what is not in the file, but a firmware may have been there before them. */
    movl $mn_bss_start, %edi
    movl $mn_bss_end, %ecx
    subl %edi, %ecx
    xorl %eax, %eax
    rep stosb

    movl $first_pdpt + PAGE_TABLE, first_pml4
    movl $first_directory + PAGE_TABLE, first_pdpt
    movl $first_directory, %edi
    movl $PAGE_2M, %eax
    movl $512, %ecx
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    loop 1b

    movl $CR4_BITS, %eax
    movl %eax, %cr4
    movl $first_pml4, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_BITS, %eax
    wrmsr
    movl $CR0_BITS, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $8, $long_mode

3:  movl $no_long_mode, %esi
    jmp give_up
4:  movl $no_execute_disable, %esi
    /* Writes the text at ESI to the serial line, and ends the machine: as QEMU's isa-debug-exit, by the keyboard controller,
     * by a fault without a handler. See console.c and exit.c. */
give_up:
    lodsb
    testb %al, %al
    jz 3f
    movb %al, %bl
    movl $0x10000, %ecx
1:  movw $0x3fd, %dx
    inb %dx, %al
    testb $0x20, %al
    loopz 1b
    movb %bl, %al
    movw $0x3f8, %dx
    outb %al, %dx
    jmp give_up
3:  movw $0x501, %dx
    xorl %eax, %eax
    outw %ax, %dx
    movb $0xfe, %al
    outb %al, $0x64
    lidt no_vectors
    ud2

    .code64
long_mode:
    xorl %eax, %eax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movq $mn_main_stack_end, %rsp
    movl %ebp, %edi
    movl %esi, %esi /* the upper halves of registers are of no meaning yet */
    movl %ebx, %ebx
    shlq $32, %rbx
    orq %rbx, %rsi
    xorl %ebp, %ebp /* ends chains of frame pointers */
    fninit
    call mn_machine_start
    ud2
    .size mn_machine_entry, . - mn_machine_entry

    /* The entry of an image of scripts/image, which lies behind the memory that the program takes. Behind this code it has the
     * whole memory, in blocks of LZ4 (its "Block Format Description"): each behind its length in four bytes, and a length of 0
     * behind the last. The code runs at any address that begins a page, has its stack in the page before, and leaves EBX alone.
     * In the program itself it is data. */
    .section .rodata.unpack, "a", @progbits
    .code32
    .globl mn_unpack
    .globl mn_unpack_end
mn_unpack:
    cli
    cld
    movl $mn_main_stack_end, %esp /* for one call: what lies there is still to be unpacked */
    call 1f
1:  popl %esi
    leal (mn_unpack - 1b)(%esi), %esp
    addl $(blocks - 1b), %esi
    rdtsc
    pushl %edx
    pushl %eax
    movl $mn_image_start, %edi
next_block:
    lodsl
    leal (%esi, %eax), %ebp
    testl %eax, %eax
    jnz next_sequence
    popl %esi
    popl %esp
    movl $unpacked, %eax
    jmp *%eax
    /* A byte with two lengths, literals, and from how far back to copy. The last sequence has literals only. */
next_sequence:
    lodsb
    movzbl %al, %edx
    movl %edx, %ecx
    shrl $4, %ecx
    call complete_length
    rep movsb
    cmpl %ebp, %esi
    je next_block
    xorl %eax, %eax
    lodsw
    pushl %eax
    movl %edx, %ecx
    andl $15, %ecx
    call complete_length
    addl $4, %ecx /* no copy is shorter */
    popl %eax
    pushl %esi
    movl %edi, %esi
    subl %eax, %esi
    rep movsb
    popl %esi
    jmp next_sequence
    /* If ECX is the highest number of four bits, adds the bytes up to one that is not 255. */
complete_length:
    cmpl $15, %ecx
    jne 2f
1:  xorl %eax, %eax
    lodsb
    addl %eax, %ecx
    cmpb $255, %al
    je 1b
2:  ret
blocks:
mn_unpack_end:

    /* See symbols.c. scripts/image looks for the text, and fills in the rest: the address and the size of the table. */
    .section .rodata.mn_symbols, "a", @progbits
    .balign 16
    .globl mn_symbols
mn_symbols:
    .asciz "mnet symbols 6"
    .balign 16
    .quad 0, 0

    .section .rodata.gdt, "a", @progbits
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code */
gdt_pointer:
    .word . - gdt - 1
    .long gdt
no_vectors:
    .word 0
    .long 0
no_long_mode:
    .asciz "mnet: the processor has no 64-bit mode\r\nexit status 1\r\n"
no_execute_disable:
    .asciz "mnet: the processor has no execute-disable (NX), or it is switched off\r\nexit status 1\r\n"

    .section .bss.first_map, "aw", @nobits
    .balign 4096
first_pml4:
    .skip 4096
first_pdpt:
    .skip 4096
first_directory:
    .skip 4096

    /* The stack of everything that is no task, above a page that is unmapped. */
    .section .bss.main_stack, "aw", @nobits
    .balign 4096
    .globl mn_main_stack_guard
    .globl mn_main_stack_end
mn_main_stack_guard:
    .skip 4096
    .skip 65536
mn_main_stack_end:

    .section .note.GNU-stack, "", %progbits
