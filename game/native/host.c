/* The engine's rules on this machine: replacements for the console's hardware, and the functions
 * that Python calls.
 *
 * The pad comes from the caller; picture and sound are left out. A process has one game, as a
 * console has. All files are one unit, so that the variables of each file can be reached. */
#pragma pack(2) /* as on the console, so that only the byte order and pointers differ */
#define main engine_main
#include "../engine/main.c"
#undef main
#include "../engine/addresses.h"
#include "../engine/air.c"
#include "../engine/camera.c"
#include "../engine/changes.c"
#include "../engine/collision.c"
#include "../engine/effects.c"
#include "../engine/enemies.c"
#include "../engine/ground.c"
#include "../engine/level.c"
#include "../engine/loop.c"
#include "../engine/objects.c"
#include "../engine/platforms.c"
#include "../engine/player.c"
#define bounce ring_bounce /* other files have variables and functions of these names */
#define first first_ring
#include "../engine/rings.c"
#undef first
#undef bounce
#include "../engine/sine.c"
#include "../engine/springs.c"

#define EXPORT __attribute__((visibility("default")))
#define CELLS_SIZE umul(given.columns, given.rows)

/* The level that the caller gave. The engine reads it through the table of the cartridge. */
static struct packed_level given;
const struct pack_table pack = {.levels_count = 1, .levels = &given};

u16 pad_held, pad_pressed;
volatile u16 blanks;
u16 sprites_count, *sprite_next;

/* The variables that the state of play depends on, with their place in the console's RAM and the
 * sizes of their fields: a byte, a word, or a long. The fraction of the current
 * second (`part` in main.c) is not copied: it matters only for levels with a time limit. */
static const struct {
    void *here;
    u16 at, count;
    const char *fields;
} variables[] = {
    {(void *)&block, AT_MAIN_BLOCK, 1, "llwwwwwwbbbbwlbbbbwwbbbbbbbbwwwwwwwwwll"},
    {&player, AT_PLAYER_PLAYER, 1, "llwwwwwwwwwwwwwwwwwwwwwwwlww"},
    {&camera, AT_CAMERA_CAMERA, 1, "wwwwww"},
    {objects, AT_OBJECTS_OBJECTS, OBJECT_SLOTS, "bbbbwwwwwwwwww"},
    {status, AT_OBJECTS_STATUS, sizeof status, "b"},
    {&first, AT_OBJECTS_FIRST, 1, "w"},
    {&last, AT_OBJECTS_LAST, 1, "w"},
    {shots, AT_ENEMIES_SHOTS, SHOTS, "lwww"},
    {taken, AT_RINGS_TAKEN, sizeof taken, "b"},
    {&first_ring, AT_RINGS_FIRST, 1, "w"},
    {loose, AT_RINGS_LOOSE, LOOSE, "llwww"},
    {crumbles, AT_CHANGES_CRUMBLES, CRUMBLES, "www"},
    {effects, AT_EFFECTS_EFFECTS, EFFECTS, "llwwww"},
    {&next, AT_EFFECTS_NEXT, 1, "w"},
    {&pad_held, AT_INPUT_PAD_HELD, 1, "w"},
    {&frame, AT_MAIN_FRAME, 1, "w"},
    {&mode, AT_MAIN_MODE, 1, "w"},
};

_Static_assert(sizeof player == AT_RINGS_LOOSE - AT_PLAYER_PLAYER, "the console's layout");
_Static_assert(sizeof effects == AT_ENEMIES_SHOTS - AT_EFFECTS_EFFECTS, "the console's layout");
_Static_assert(sizeof objects == AT_PLANES_CELLS_COUNT - AT_OBJECTS_OBJECTS, "the console's layout");

extern char __bss_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));

/* The caller has unpacked the cells. */
void unpack(const u8 *from, u8 *to)
{
    memcpy(to, from, CELLS_SIZE);
}

/* Copies a variable from the console's RAM, whose numbers begin with their highest byte. */
static void copy_variable(u8 *to, const u8 *from, const char *fields)
{
    for (; *fields; fields++) {
        if (*fields == 'b')
            *to++ = *from++;
        if (*fields == 'l')
            *(u32 *)to = (u32)from[0] << 24 | from[1] << 16 | from[2] << 8 | from[3];
        if (*fields == 'w')
            *(u16 *)to = from[0] << 8 | from[1];
        to += *fields == 'l' ? 4 : *fields == 'w' ? 2 : 0;
        from += *fields == 'l' ? 4 : *fields == 'w' ? 2 : 0;
    }
}

static u16 size_of(const char *fields)
{
    u16 size = 0;

    for (; *fields; fields++)
        size += *fields == 'l' ? 4 : *fields == 'w' ? 2 : 1;
    return size;
}

/* Continues from the console's RAM, 64 KB, which must be of the level that was started. */
EXPORT void host_take(const u8 *ram)
{
    u16 i, j;

    for (i = 0; i < sizeof variables / sizeof *variables; i++) {
        u16 size = size_of(variables[i].fields);
        for (j = 0; j < variables[i].count; j++)
            copy_variable((u8 *)variables[i].here + size * j, ram + variables[i].at + size * j,
                          variables[i].fields);
    }
    memcpy(cells, ram + AT_MAIN_CELLS, CELLS_SIZE);
    level.time_frames = block.time;
}

/* A saved state: .bss, the block, and the cells that the level has. */
EXPORT u32 host_state_size(void)
{
    return (_end - __bss_start) + sizeof block + CELLS_SIZE;
}

EXPORT void host_save(char *to)
{
    memcpy(to, __bss_start, _end - __bss_start);
    to += _end - __bss_start;
    memcpy(to, (const void *)&block, sizeof block);
    memcpy(to + sizeof block, cells, CELLS_SIZE);
}

EXPORT void host_load(const char *from)
{
    struct packed_level kept = given; /* the state's own pointers may no longer be valid */

    memcpy(__bss_start, from, _end - __bss_start);
    from += _end - __bss_start;
    given = kept;
    memcpy((void *)&block, from, sizeof block);
    memcpy(cells, from + sizeof block, CELLS_SIZE);
}

/* Advances the game by a number of frames under the same buttons (a sum of PAD_ constants). Stops
 * when a life is lost or the end post is reached. */
EXPORT void host_play(u16 buttons, u16 frames)
{
    while (frames-- && !block.dead && !block.won) {
        pad_pressed = buttons & ~pad_held;
        pad_held = buttons;
        play_frame();
    }
}

/* Starts a level, whose pointers must remain valid. Returns the block, in this machine's order. */
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
