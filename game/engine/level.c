/* Loading a level: decompresses the cells, uploads the zone's pictures, initialises everything. */
#include "state.h"
#include "video.h"

void unpack(const u8 *from, u8 *to);
void interrupts_on(void);
void interrupts_off(void);

struct level_state level;
u16 row_offset[66];

static void find_loops(void)
{
    const struct packed_object *object = level.packed->objects;
    u16 i;

    level.loops_count = 0;
    for (i = 0; i < level.packed->objects_count; i++, object++)
        if (object->kind == KIND_LOOP && level.loops_count < 16) {
            level.loops[level.loops_count].x = object->x;
            level.loops[level.loops_count++].y = object->y;
        }
}

static void set_up(u16 index)
{
    const struct packed_level *packed = pack.levels + index;
    u16 i;

    level.packed = packed;
    level.zone = pack.zones + packed->zone;
    level.columns = packed->columns;
    level.rows = packed->rows;
    level.width = packed->columns << 4;
    level.height = packed->rows << 4;
    level.water_y = packed->water_y;
    level.index = index;
    level.time_frames = level.timer = level.post_spin = 0;
    row_offset[0] = 0;
    for (i = 1; i < 66; i++)
        row_offset[i] = i <= level.rows ? row_offset[i - 1] + level.columns : row_offset[i - 1];
}

static void reset_block(u16 keep_score)
{
    const struct packed_level *packed = level.packed;

    if (!keep_score) {
        block.lives = 3;
        block.score = 0;
    }
    block.frame = 0;
    block.rings = 0;
    block.dead = block.won = 0;
    block.lag = 0;
    block.zone = packed->zone;
    block.act = packed->act;
    block.level = level.index;
    block.level_end_x = packed->end_x;
    block.level_width = level.width;
    block.level_height = level.height;
}

void level_load(u16 index, u16 keep_score)
{
    block.ready = 0;
    mode = MODE_LOADING;
    block.mode = mode;
    interrupts_off();
    video_off();
    set_up(index);
    unpack(level.packed->cells, cells);
    reset_block(keep_score);
    find_loops();
    frame = 0;
    changes_start();
    player_start(level.packed->start_x, level.packed->start_y);
    camera_start();
    video_load_zone();
    video_fill_planes();
    video_draw_window();
    hud_start();
    objects_start();
    rings_start();
    effects_start();
    shots_start();
    sound_start();
    mode = MODE_PLAYING;
    sprites_begin();
    video_scroll();
    video_upload();
    interrupts_on();
    video_wait_blank(blanks);
    video_upload();
    video_on();
    video_wait_top();
}
