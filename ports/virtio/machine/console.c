/* The console: a 16550 UART at the place where PCs have always had the first one. Microvms emulate
 * it, too.
 *
 * Output never waits for its reader longer than a moment. Bytes that the line does not take at once
 * stay in a ring, from which an interrupt of the line fetches them. When the ring is full, the line
 * gets a moment (TIMEOUT) to make room. If it does not, there is nobody at its end: from then on
 * whatever has no room is lost at once, until the line has taken all that is in the ring. Then a
 * line of its own says how much was lost.
 */
#include "ports/virtio/machine/internal.h"
#include "ports/virtio/machine/x86.h"

#include "base/format.h"

#define PORT 0x3f8
#define DATA (PORT + 0)
#define INTERRUPT_ENABLE (PORT + 1)
#define INTERRUPT_IDENTITY (PORT + 2)
#define FIFO_CONTROL (PORT + 2)
#define LINE_CONTROL (PORT + 3)
#define MODEM_CONTROL (PORT + 4)
#define LINE_STATUS (PORT + 5)

#define ENABLE_RECEIVED 0x01
#define ENABLE_CAN_SEND 0x02
#define IDENTITY_NONE 0x01
#define IDENTITY_FIFO 0xc0
#define STATUS_RECEIVED 0x01
#define STATUS_CAN_SEND 0x20
#define STATUS_ALL_SENT 0x40
#define STATUS_NO_UART 0xff

/* Characters that fit when the line can send. */
#define FIFO_ROOM 16
/* Of the time stamp counter, whose speed is not known when the console is first used: 0.1 to 0.4
 * s. */
#define TIMEOUT UINT64_C(400000000)

#define RING 4096u /* a power of two */
/* Characters printed at a time: a line of 115200 baud takes so many in TIMEOUT. */
#define PIECE (size_t)512

static struct console_machine {
    char ring[RING];
    unsigned head, tail; /* the ring's characters are those from head to tail, modulo its size */
    unsigned fifo_room;
    size_t lost;    /* characters that found no room */
    bool deaf;      /* the line has stopped taking characters */
    bool interrupt; /* interrupts are wanted at all */
    bool listening; /* and when a character has come */
    uint8_t enabled;
} machine;

static void enable(uint8_t interrupts)
{
    if (interrupts != machine.enabled)
        mn_out8(INTERRUPT_ENABLE, interrupts);
    machine.enabled = interrupts;
}

void mn_console_start(void)
{
    mn_out8(INTERRUPT_ENABLE, 0);
    mn_out8(LINE_CONTROL, 0x80); /* the divisor: 115200 baud */
    mn_out8(DATA, 1);
    mn_out8(INTERRUPT_ENABLE, 0);
    mn_out8(LINE_CONTROL, 0x03);  /* eight bits, no parity */
    mn_out8(FIFO_CONTROL, 0x07);  /* on, and empty */
    mn_out8(MODEM_CONTROL, 0x0b); /* ready; OUT2 lets interrupts through */
    machine.fifo_room = (mn_in8(INTERRUPT_IDENTITY) & IDENTITY_FIFO) == IDENTITY_FIFO ? FIFO_ROOM : 1;
}

/* ---- Output ---- */

static unsigned waiting(void)
{
    return machine.tail - machine.head;
}

/* Gives the line as much as it takes now. */
static void send(void)
{
    while (waiting() > 0 && (mn_in8(LINE_STATUS) & STATUS_CAN_SEND) != 0) {
        for (unsigned i = 0; i < machine.fifo_room && waiting() > 0; i++)
            mn_out8(DATA, (uint8_t)machine.ring[machine.head++ % RING]);
    }
}

static void put(char c)
{
    if (waiting() < RING)
        machine.ring[machine.tail++ % RING] = c;
    else
        machine.lost++;
}

static void print(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
}

/* Waits until no more than `most` characters are left; gives up when the line has taken none for
 * TIMEOUT, or not enough of them in `ticks`. */
static void wait_for_line(unsigned most, uint64_t ticks)
{
    uint64_t begin = mn_rdtsc(), progress = begin;
    while (waiting() > most && !machine.deaf) {
        unsigned before = waiting();
        send();
        uint64_t now = mn_rdtsc();
        progress = waiting() < before ? now : progress;
        machine.deaf = waiting() > most && (now - progress > TIMEOUT || now - begin > ticks);
        mn_pause();
    }
}

void mn_console_send(void)
{
    send();
    if (waiting() == 0) {
        machine.deaf = false;
        if (machine.lost > 0) {
            char line[48];
            size_t len = mn_format(line, sizeof line, "\n[%zu characters were lost here]\n", machine.lost);
            machine.lost = 0;
            print(line, len);
            send();
        }
    }
    if (machine.interrupt)
        enable((uint8_t)((machine.listening ? ENABLE_RECEIVED : 0) | (waiting() > 0 ? ENABLE_CAN_SEND : 0)));
}

void mn_machine_print(const char *text, size_t len)
{
    while (len > 0) {
        size_t piece = MN_MIN(len, PIECE);
        wait_for_line(RING - 2 * PIECE, TIMEOUT); /* each newline is two characters */
        print(text, piece);
        mn_console_send();
        text += piece;
        len -= piece;
    }
}

void mn_console_flush(void)
{
    machine.deaf = false; /* one last time */
    wait_for_line(0, 10 * TIMEOUT);
    mn_console_send(); /* the count of lost characters */
    for (uint64_t since = mn_rdtsc(); (mn_in8(LINE_STATUS) & STATUS_ALL_SENT) == 0 && !machine.deaf;)
        machine.deaf = mn_rdtsc() - since > TIMEOUT;
}

/* ---- Input, and interrupts ---- */

int mn_console_read(void)
{
    uint8_t status = mn_in8(LINE_STATUS);
    return status != STATUS_NO_UART && (status & STATUS_RECEIVED) != 0 ? mn_in8(DATA) : -1;
}

void mn_console_listen(bool on)
{
    machine.interrupt = true;
    machine.listening = on;
    mn_console_send();
}

bool mn_console_interrupts(void)
{
    return (mn_in8(INTERRUPT_IDENTITY) & IDENTITY_NONE) == 0;
}
