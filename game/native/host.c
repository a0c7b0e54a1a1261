/* The engine's rules on this machine: what the console's hardware does otherwise, and the interface.
 *
 * The pad comes from the caller; picture and sound are left out. A process has one game, as a
 * console has. */
#define main engine_main
#include "../engine/main.c"
#undef main

#include "../engine/video.h"

#define EXPORT __attribute__((visibility("default")))

/* The level that the caller gave. The engine reads it through the table of the cartridge. */
static struct packed_level given;
const struct pack_table pack = {.levels_count = 1, .levels = &given};

u16 pad_held, pad_pressed;
volatile u16 blanks;
u16 sprites_count, *sprite_next;

extern char __bss_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));

/* The caller has unpacked the cells. */
void unpack(const u8 *from, u8 *to)
{
    memcpy(to, from, umul(given.columns, given.rows));
}

/* A saved state: .bss, the block, and the cells that the level has. */
EXPORT u32 host_state_size(void)
{
    return (_end - __bss_start) + sizeof block + umul(given.columns, given.rows);
}

EXPORT void host_save(char *to)
{
    memcpy(to, __bss_start, _end - __bss_start);
    to += _end - __bss_start;
    memcpy(to, (const void *)&block, sizeof block);
    memcpy(to + sizeof block, cells, umul(given.columns, given.rows));
}

EXPORT void host_load(const char *from)
{
    memcpy(__bss_start, from, _end - __bss_start);
    from += _end - __bss_start;
    memcpy((void *)&block, from, sizeof block);
    memcpy(cells, from + sizeof block, umul(given.columns, given.rows));
}

/* Advances the game by a number of frames under the same buttons (a sum of PAD_ constants). Stops
 * when a life is lost or the end post is reached. Returns the block, in the byte order of this
 * machine. */
EXPORT const volatile struct block *host_play(u16 buttons, u16 frames)
{
    while (frames-- && !block.dead && !block.won) {
        pad_pressed = buttons & ~pad_held;
        pad_held = buttons;
        play_frame();
    }
    return &block;
}

/* Starts a level; the pointers in it must remain valid. */
EXPORT const volatile struct block *host_start(const struct packed_level *from)
{
    memset(__bss_start, 0, _end - __bss_start);
    memset((void *)&block, 0, sizeof block);
    given = *from;
    level_load(0, 0);
    return &block;
}

/* The hardware and what only the player of the console sees. */
void interrupts_on(void) {}
void interrupts_off(void) {}
void hud_start(void) {}
void hud_draw(void) {}
void input_start(void) {}
void input_read(void) {}
void title_start(void) {}
void title_update(void) {}
void sound_start(void) {}
void sound_play(enum sound number) { (void)number; }
void sound_update(void) {}
void video_start(void) {}
void video_off(void) {}
void video_on(void) {}
void video_upload(void) {}
void video_wait_top(void) {}
void video_wait_blank(u16 seen) { (void)seen; }
u16 video_line(void) { return 0; }
void video_fill_planes(void) {}
void video_load_zone(void) {}
void video_draw_window(void) {}
void video_column(s16 column) { (void)column; }
void video_row(s16 row) { (void)row; }
void video_cell(s16 column, s16 row) { (void)column, (void)row; }
void video_player_frame(u16 index) { (void)index; }
void video_scroll(void) {}
void video_cycle_palette(void) {}
void sprites_begin(void) { sprites_count = MAX_SPRITES; /* none is drawn */ }
