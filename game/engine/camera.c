/* The camera: it follows the player with a dead zone and never shows the outside of the level. */
#include "state.h"
#include "video.h"

#define MAX_STEP 16

struct camera camera;

static s16 clamp(s16 value, s16 low, s16 high)
{
    return value < low ? low : value > high ? high : value;
}

void camera_start(void)
{
    camera.max_x = level.width - 320;
    camera.max_y = level.height - 224;
    camera.x = clamp(player_x() - 152, 0, camera.max_x);
    camera.y = clamp(player_y() - 120, 0, camera.max_y);
    camera.column = camera.x >> 4;
    camera.row = camera.y >> 4;
}

static s16 follow_x(void)
{
    s16 offset = player_x() - camera.x;

    if (offset > 168)
        return offset - 168;
    return offset < 144 ? offset - 144 : 0;
}

static s16 follow_y(void)
{
    s16 offset = player_y() - camera.y;
    s16 limit = 16;

    if (player.grounded || player.loop) {
        /* on the ground the camera moves slowly, unless the ground is steep and the player fast */
        limit = 3 + (ABS(player.y_speed) >> 8);
        return clamp(offset - 120, -limit, limit);
    }
    if (offset > 136)
        return offset - 136;
    return offset < 84 ? offset - 84 : 0;
}

void camera_update(void)
{
    s16 old_column = camera.column, old_row = camera.row;

    if (mode == MODE_DYING)
        return;
    camera.x = clamp(camera.x + clamp(follow_x(), -MAX_STEP, MAX_STEP), 0, camera.max_x);
    camera.y = clamp(camera.y + clamp(follow_y(), -MAX_STEP, MAX_STEP), 0, camera.max_y);
    camera.column = camera.x >> 4;
    camera.row = camera.y >> 4;
    if (camera.column > old_column)
        video_column(camera.column + 21);
    else if (camera.column < old_column)
        video_column(camera.column);
    if (camera.row > old_row)
        video_row(camera.row + 15);
    else if (camera.row < old_row)
        video_row(camera.row);
}
