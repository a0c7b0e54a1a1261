/* The frame: wake at its first line, read the pad, compute, publish, sleep, upload in the blank.
 * So an action changes the RAM block in its own frame, and the block is complete whenever a frame ends. */
#include "state.h"
#include "video.h"

#define DYING_FRAMES 90
#define WON_FRAMES 180

void interrupts_on(void);

volatile struct block block __attribute__((section(".block")));
u8 cells[49152] __attribute__((section(".cells")));
u16 frame, mode;

static u16 chained; /* the engine itself requests the next level: lives and score are kept */

static const u8 slope_angle[7] = {224, 237, 246, 0, 10, 19, 32};

static void publish(void)
{
    block.frame++;
    block.x = player_x();
    block.y = player_y();
    block.x_speed = player.x_speed;
    block.y_speed = player.y_speed;
    block.ground_speed = player.grounded ? player.ground_speed : 0;
    block.grounded = player.grounded;
    block.rolling = player.ball;
    block.angle = player.loop ? (u8)(player.loop_angle >> 8) : slope_angle[player.slope + 3];
    block.charge = player.charge;
    block.in_loop = player.loop;
    block.on_platform = player.platform;
    block.underwater = player.underwater;
    block.invincible = player.invincible >> 1;
    block.air = player.air;
    block.camera_x = camera.x;
    block.camera_y = camera.y;
    block.lock = player.lock;
    block.time = level.time_frames;
    block.mode = mode;
    if (block.frame >= 2)
        block.ready = 1;
}

static void next_level(void)
{
    if (++level.timer < (mode == MODE_WON ? WON_FRAMES : DYING_FRAMES))
        return;
    chained = 1;
    if (mode == MODE_WON)
        block.request = level.index + 1 < pack.levels_count ? level.index + 2 : 1;
    else if (block.lives)
        block.request = level.index + 1;
    else
        title_start();
}

static void count_time(void)
{
    static u16 part;

    if (frame == 0)
        part = 0;
    if (++part < 60 || mode != MODE_PLAYING)
        return;
    part = 0;
    level.time_frames++;
    if (level.packed->time_limit && level.time_frames >= level.packed->time_limit)
        player_die();
}

static void play_frame(void)
{
    if (mode == MODE_PLAYING)
        objects_update();
    player_update();
    if (mode == MODE_PLAYING && player_x() >= level.packed->end_x) {
        mode = MODE_WON;
        block.won = 1;
        block.score += 1000;
        sound_play(SOUND_WIN);
    }
    changes_update();
    camera_update();
    sprites_begin();
    hud_draw();
    rings_update();
    effects_update();
    shots_update();
    effects_draw();
    player_draw();
    rings_draw();
    objects_draw();
    video_scroll();
    video_cycle_palette();
    sound_update();
    count_time();
    publish();
    frame++;
    if (mode == MODE_WON || mode == MODE_DYING)
        next_level();
}

static void take_request(void)
{
    u16 index = block.request - 1;
    u16 keep = chained;

    block.request = chained = 0;
    if (index < pack.levels_count)
        level_load(index, keep);
}

int main(void)
{
    u16 seen;

    block.magic = RAM_MAGIC;
    block.build_id = pack.build_id;
    video_start();
    input_start();
    interrupts_on();
    title_start();
    seen = blanks;
    for (;;) {
        video_wait_top();
        input_read();
        if (block.request) {
            take_request();
            seen = blanks;
        }
        if (mode == MODE_TITLE)
            title_update();
        else
            play_frame();
        block.load = video_line();
        if (blanks != seen)
            block.lag += blanks - seen;
        else
            video_wait_blank(seen);
        seen = blanks;
        video_upload();
    }
}
