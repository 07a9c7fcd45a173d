/* The console: a 16550 UART at the place where PCs have always had the first one. Microvms emulate just this. */
#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#define PORT 0x3f8
#define DATA (PORT + 0)
#define INTERRUPT_ENABLE (PORT + 1)
#define FIFO_CONTROL (PORT + 2)
#define LINE_CONTROL (PORT + 3)
#define MODEM_CONTROL (PORT + 4)
#define LINE_STATUS (PORT + 5)

#define STATUS_RECEIVED 0x01
#define STATUS_CAN_SEND 0x20
#define STATUS_NO_UART 0xff

/* A line that does not take a character for so long has nobody at its end. */
#define PATIENCE 1000000

void mn_console_start(void)
{
    mn_out8(INTERRUPT_ENABLE, 0);
    mn_out8(LINE_CONTROL, 0x80); /* the divisor: 115200 baud */
    mn_out8(DATA, 1);
    mn_out8(INTERRUPT_ENABLE, 0);
    mn_out8(LINE_CONTROL, 0x03);  /* eight bits, no parity */
    mn_out8(FIFO_CONTROL, 0x07);  /* on, and empty */
    mn_out8(MODEM_CONTROL, 0x0b); /* ready; OUT2 lets interrupts through */
}

static void put(char c)
{
    for (unsigned i = 0; i < PATIENCE && (mn_in8(LINE_STATUS) & STATUS_CAN_SEND) == 0; i++)
        __builtin_ia32_pause();
    mn_out8(DATA, (uint8_t)c);
}

void mn_machine_print(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
}

int mn_console_read(void)
{
    uint8_t status = mn_in8(LINE_STATUS);
    return status != STATUS_NO_UART && (status & STATUS_RECEIVED) != 0 ? mn_in8(DATA) : -1;
}

void mn_console_listen(void)
{
    mn_out8(INTERRUPT_ENABLE, 0x01); /* data received */
}
