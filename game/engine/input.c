/* The three-button pad on port 1. */
#include "state.h"

#define PAD_DATA (*(volatile u8 *)0xA10003)
#define PAD_CONTROL (*(volatile u8 *)0xA10009)

u16 pad_held, pad_pressed;

void input_start(void)
{
    PAD_CONTROL = 0x40;
    PAD_DATA = 0x40;
}

void input_read(void)
{
    u16 high, low, now;
    volatile u16 settle;

    PAD_DATA = 0x40;
    settle = 0;
    high = PAD_DATA;
    PAD_DATA = 0;
    settle = 1;
    low = PAD_DATA;
    PAD_DATA = 0x40;
    (void)settle;
    /* high: C B right left down up; low: start A. All are 0 when pressed. */
    now = ~((high & 0x3F) | ((low & 0x30) << 2)) & 0xFF;
    pad_pressed = now & ~pad_held;
    pad_held = now;
}
