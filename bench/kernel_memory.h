/* What the kernel's connections cost: the reference of bench_memory. */
#ifndef BENCH_KERNEL_MEMORY_H
#define BENCH_KERNEL_MEMORY_H

/* Bytes of one end of an idle connection of the kernel's, over its loopback; 0 if it cannot be
 * told. */
double bench_kernel_idle_bytes(void);

#endif
