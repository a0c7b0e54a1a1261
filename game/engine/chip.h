/* The video chip's ports, for the files that write to it in the vertical blank. */
#ifndef CHIP_H
#define CHIP_H

#include "video.h"

#define CONTROL_LONG (*(volatile u32 *)0xC00004)
#define CONTROL_WORD (*(volatile u16 *)0xC00004)
#define DATA_WORD (*(volatile u16 *)0xC00000)
#define LINES (*(volatile u8 *)0xC00008)
#define WRITE_SCROLL_Y 0x40000010
#define WRITE_COLOURS 0xC0000000

/* boot.S */
void copy_to_port(const u16 *from, u16 longs);
void fill_longs(u32 *to, u32 value, u16 longs);
void sleep_while(volatile u16 *variable, u16 value);

static inline u32 write_command(u16 address)
{
    return 0x40000000 | ((u32)(address & 0x3FFF) << 16) | (address >> 14);
}

static inline void reg(u16 number, u16 value)
{
    CONTROL_WORD = 0x8000 | (number << 8) | value;
}

void dma(u16 address, const void *source, u32 bytes);
void planes_send(void);
void planes_forget(void);
void backdrop_start(void);
void backdrop_send(void);

#endif
