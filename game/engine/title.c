/* The title: waits for START, or for a level request in the RAM block. */
#include "state.h"
#include "video.h"

void interrupts_on(void);
void interrupts_off(void);

void title_start(void)
{
    interrupts_off();
    video_off();
    mode = MODE_TITLE;
    block.mode = mode;
    block.ready = 0;
    camera.x = camera.y = camera.max_y = 0;
    level.water_y = 0x7FFF;
    level.zone = pack.zones;
    video_load_zone();
    video_fill_planes();
    video_text(13, 9, "PANGOLIN DASH");
    video_text(14, 16, "PRESS START");
    sound_start();
    sprites_begin();
    video_scroll();
    interrupts_on();
    video_wait_blank(blanks);
    video_upload();
    video_on();
}

void title_update(void)
{
    video_scroll();
    video_cycle_palette();
    if (pad_pressed & PAD_START)
        block.request = 1;
}
