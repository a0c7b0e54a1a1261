/* The video chip. The game computes while the frame is drawn and uploads its changes in the blank. */
#include "chip.h"

volatile u16 blanks, hint_phase, hint_count;
u16 sprite_table[MAX_SPRITES][4];
u16 sprites_count;
u16 *sprite_next;

static u16 player_frame, player_frame_sent;

/* One transfer, which must stay inside a 128 KB window of the source. */
static void dma_once(u32 command, u32 from, u16 words)
{
    u32 half = from >> 1;

    reg(19, words & 0xFF);
    reg(20, words >> 8);
    reg(21, half & 0xFF);
    reg(22, (half >> 8) & 0xFF);
    reg(23, (half >> 16) & 0x7F);
    CONTROL_WORD = command >> 16;
    CONTROL_WORD = (command & 0xFFFF) | 0x80;
}

void dma(u16 address, const void *source, u32 bytes)
{
    u32 from = (u32)source;

    reg(15, 2);
    while (bytes > 1) { /* length 0 would mean 65,536 words */
        u32 window = 0x20000 - (from & 0x1FFFF);
        u32 part = bytes < window ? bytes : window;
        dma_once(write_command(address), from, part >> 1);
        from += part;
        address += part;
        bytes -= part;
    }
}

void video_copy(u16 address, const void *from, u32 bytes)
{
    dma(address, from, bytes);
}

void video_start(void)
{
    static const u8 registers[24] = {
        0x04, 0x34, VRAM_PLANE_A >> 10, 0x34, VRAM_PLANE_B >> 13, VRAM_SPRITES >> 9, 0, 0x20,
        0, 0, 0xFF, 0x03, 0x81, VRAM_SCROLL >> 10, 0, 2, 0x01, 0, 0, 0, 0, 0, 0, 0x80,
    };
    u16 i;

    for (i = 0; i < 23; i++)
        reg(i, registers[i]);
    hint_phase = 3;
    hint_count = 0x8AFF;
    CONTROL_LONG = write_command(0);
    for (i = 0; i < 0x8000; i++)
        DATA_WORD = 0;
    CONTROL_LONG = WRITE_SCROLL_Y;
    DATA_WORD = 0;
    DATA_WORD = 0;
}

void video_off(void)
{
    reg(1, 0x34);
    reg(0, 0x04);
    sprites_count = 0;
    planes_forget();
    player_frame_sent = 0xFFFF;
}

void video_on(void)
{
    reg(1, 0x74);
    reg(0, 0x14);
}

void video_load_zone(void)
{
    const struct packed_zone *zone = level.zone;

    dma(TILE_FOREGROUND * 32, zone->foreground, (u32)zone->foreground_tiles << 5);
    dma(TILE_BACKGROUND * 32, zone->background, (u32)zone->background_tiles << 5);
    dma(TILE_ZONE_SPRITES * 32, zone->sprites, ZONE_SPRITE_TILES * 32);
    dma(TILE_SHARED_SPRITES * 32, pack.shared->sprites, SHARED_SPRITE_TILES * 32);
    dma(TILE_FONT * 32, pack.shared->font, FONT_TILES * 32);
    dma(VRAM_PLANE_B, zone->background_map, 4096);
    backdrop_start();
}

void video_player_frame(u16 frame_index)
{
    player_frame = frame_index;
}

static void send_palette(void)
{
    s16 line = level.water_y - camera.y;

    reg(15, 2);
    CONTROL_LONG = WRITE_COLOURS;
    copy_to_port(line <= 0 ? palette_water : palette_now, 32);
    hint_count = 0x8AFF;
    if (line > 4 && line < 224)
        hint_count = 0x8A00 | (line - 3);
    hint_phase = 0;
    reg(10, 0);
}

void video_upload(void)
{
    if (!sprites_count)
        sprite_table[sprites_count++][0] = 0; /* one outside the screen */
    sprite_table[sprites_count - 1][1] &= 0xFF00;
    dma(VRAM_SPRITES, sprite_table, sprites_count << 3);
    backdrop_send();
    if (player_frame != player_frame_sent) {
        player_frame_sent = player_frame;
        dma(TILE_PLAYER * 32, (const u8 *)pack.shared->player + umul(player_frame, PLAYER_FRAME_BYTES),
            PLAYER_FRAME_BYTES);
    }
    send_palette();
    planes_send();
}

/* Sleeps until the first line of the frame. */
void video_wait_top(void)
{
    sleep_while(&hint_phase, 0);
}

/* Sleeps until the frame has been drawn, that is until the number of blanks has increased. */
void video_wait_blank(u16 seen)
{
    sleep_while(&blanks, seen);
}

u16 video_line(void)
{
    return LINES;
}

void sprites_begin(void)
{
    sprites_keep(0);
}

void sprites_keep(u16 count)
{
    sprites_count = count;
    sprite_next = sprite_table[count];
}

u16 sprites_now(void)
{
    return sprites_count;
}
