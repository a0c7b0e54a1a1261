/* The background: parallax bands of plane B, line by line, and the rotating colours. */
#include "chip.h"

u16 palette_now[64], palette_water[64];

static u16 scroll_lines[224][2];
static u16 scroll_y[2];
static u16 background_factor;
static u16 cycle_timer[8];
static u16 drift[8];

void backdrop_start(void)
{
    const struct packed_zone *zone = level.zone;
    u16 i;

    for (i = 0; i < 64; i++) {
        palette_now[i] = zone->palettes[i];
        palette_water[i] = zone->water_palettes ? zone->water_palettes[i] : zone->palettes[i];
    }
    for (i = 0; i < 8; i++)
        cycle_timer[i] = drift[i] = 0;
    background_factor = camera.max_y ? (u16)((32u << 11) / (u16)camera.max_y) : 0;
}

void backdrop_send(void)
{
    dma(VRAM_SCROLL, scroll_lines, sizeof scroll_lines);
    CONTROL_LONG = WRITE_SCROLL_Y;
    DATA_WORD = scroll_y[0];
    DATA_WORD = scroll_y[1];
}

static u16 background_y(void)
{
    return background_factor ? umul(camera.y, background_factor) >> 11 : 16;
}

void video_scroll(void)
{
    const struct packed_band *band = level.zone->bands;
    u16 count = level.zone->bands_count;
    s16 top = background_y();
    s16 line = 0;
    u16 i;

    scroll_y[0] = camera.y;
    scroll_y[1] = top;
    for (i = 0; i < count && line < 224; i++, band++) {
        s16 end = i + 1 < count ? (s16)band[1].row - top : 224;
        u16 shift = (umul(camera.x, band->speed) >> 8);
        if (i < 8) {
            drift[i] += band->drift;
            shift += (s16)drift[i] >> 8;
        }
        if (end > 224)
            end = 224;
        if (end > line) {
            fill_longs((u32 *)scroll_lines[line], ((u32)(u16)-camera.x << 16) | (u16)-shift,
                       end - line);
            line = end;
        }
    }
    if (line < 224)
        fill_longs((u32 *)scroll_lines[line], (u32)(u16)-camera.x << 16, 224 - line);
}

static void rotate(u16 *colours, u16 count)
{
    u16 last = colours[count - 1];
    u16 i;

    for (i = count - 1; i; i--)
        colours[i] = colours[i - 1];
    colours[0] = last;
}

void video_cycle_palette(void)
{
    const struct packed_cycle *cycle = level.zone->cycles;
    u16 i;

    for (i = 0; i < level.zone->cycles_count && i < 8; i++, cycle++) {
        if (++cycle_timer[i] < cycle->frames)
            continue;
        cycle_timer[i] = 0;
        rotate(palette_now + (cycle->line << 4) + cycle->first, cycle->count);
        rotate(palette_water + (cycle->line << 4) + cycle->first, cycle->count);
    }
}
