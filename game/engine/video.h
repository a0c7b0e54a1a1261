/* The video chip: what is uploaded in each vertical blank, and the sprite list. */
#ifndef VIDEO_H
#define VIDEO_H

#include "state.h"

#define VRAM_PLANE_A 0xC000
#define VRAM_PLANE_B 0xE000
#define VRAM_SPRITES 0xF000
#define VRAM_SCROLL 0xF400
#define HFLIP 0x0800
#define VFLIP 0x1000
#define PALETTE(line) ((line) << 13)
#define PRIORITY 0x8000
#define SIZE(width, height) (((((width) - 1) << 2) | ((height) - 1)) << 8) /* in tiles */
#define MAX_SPRITES 80

extern volatile u16 blanks;
extern u16 palette_now[64], palette_water[64];

void video_start(void);
void video_off(void);
void video_on(void);
void video_upload(void);
void video_wait_top(void);
void video_wait_blank(u16 seen);
u16 video_line(void);
void video_copy(u16 address, const void *from, u32 bytes);
void video_fill_planes(void);
void video_load_zone(void);
void video_draw_window(void);
void video_column(s16 column);
void video_row(s16 row);
void video_cell(s16 column, s16 row);
void video_player_frame(u16 frame_index);
void video_scroll(void);
void video_cycle_palette(void);
void video_text(u16 column, u16 row, const char *text);
void sprites_begin(void);
void sprites_keep(u16 count); /* keeps the first ones as they were in the last frame */
u16 sprites_now(void);

extern u16 sprite_table[MAX_SPRITES][4];
extern u16 sprites_count;
extern u16 *sprite_next;

/* x, y: screen pixels of the upper left corner. Inline: a frame makes up to 80 of these. */
static inline void sprite_screen(s16 x, s16 y, u16 size, u16 tile)
{
    u16 *entry = sprite_next;

    if ((u16)(x + 31) > 350 || (u16)(y + 31) > 254 || sprites_count >= MAX_SPRITES)
        return;
    sprites_count++;
    entry[0] = y + 128;
    entry[1] = size | sprites_count; /* the link to the next; video_upload ends it */
    entry[2] = tile;
    entry[3] = x + 128;
    sprite_next = entry + 4;
}

/* x, y: level pixels. */
static inline void sprite_add(s16 x, s16 y, u16 size, u16 tile)
{
    sprite_screen(x - camera.x, y - camera.y, size, tile);
}

#endif
