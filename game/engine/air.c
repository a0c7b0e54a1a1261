/* The pangolin in the air: control, gravity, walls, ceilings, landing. */
#include "state.h"

void air_input(void)
{
    s16 top = player.underwater ? WATER_TOP_SPEED : RUN_TOP;
    s16 by = player.underwater ? AIR_ACCELERATION / 2 : AIR_ACCELERATION;
    s16 cap = player.underwater ? WATER_FALL_CAP : FALL_CAP;

    if (player.jumped && !(pad_held & PAD_JUMP) && player.y_speed < -JUMP_CUT)
        player.y_speed = -JUMP_CUT;
    if (!player.hurt && !player.lock) {
        if (pad_held & PAD_RIGHT) {
            player.facing = 1;
            if (player.x_speed < top)
                player.x_speed += by;
        } else if (pad_held & PAD_LEFT) {
            player.facing = -1;
            if (player.x_speed > -top)
                player.x_speed -= by;
        }
    }
    player.y_speed += player.underwater ? WATER_GRAVITY : GRAVITY;
    if (player.y_speed > cap)
        player.y_speed = cap;
}

static u16 is_spike_wall(s16 x, s16 y, s16 direction)
{
    return cell_at(x, y) == (direction > 0 ? CELL_SPIKE_LEFT : CELL_SPIKE_RIGHT);
}

/* Moves the player out of a wall on the side of direction. Returns 1 if the wall stops the player. */
u16 wall_test(s16 direction)
{
    s16 reach = direction > 0 ? WALL_REACH : -WALL_REACH;
    s16 back = direction > 0 ? -1 : 1;
    s16 feet = player_y() + player.radius;
    s16 low = feet - 12;
    s16 high = player_y() - player.radius + 4;
    s16 x = player_x();
    u16 tries = 0;

    if (!solid_at(x + reach, low) && !solid_at(x + reach, high))
        return 0;
    if (player.ball && ABS(player.x_speed) >= BREAK_SPEED) {
        u16 broke = 0;
        if (cell_at(x + reach, low) == CELL_BREAKABLE)
            wall_break(x + reach, low), broke = 1;
        if (cell_at(x + reach, high) == CELL_BREAKABLE)
            wall_break(x + reach, high), broke = 1;
        if (broke && !solid_at(x + reach, low) && !solid_at(x + reach, high))
            return 0;
    }
    if (is_spike_wall(x + reach, low, direction) || is_spike_wall(x + reach, high, direction))
        player_hurt(x + reach);
    while (tries++ < 20 && (solid_at(x + reach, low) || solid_at(x + reach, high)))
        x += back;
    player.x = (s32)x << 16;
    return 1;
}

static void ceiling_test(void)
{
    s16 head = player_y() - player.radius;
    s16 x = player_x();
    u16 tries = 0;

    if (!solid_at(x - 7, head) && !solid_at(x + 7, head))
        return;
    if (cell_at(x - 7, head) == CELL_SPIKE_DOWN || cell_at(x + 7, head) == CELL_SPIKE_DOWN)
        player_hurt(x + player.facing);
    while (tries++ < 20 && (solid_at(x - 7, head) || solid_at(x + 7, head)))
        head++;
    player.y = (s32)(head + player.radius) << 16;
    if (player.y_speed < 0)
        player.y_speed = 0;
}

void land(u8 cell, s16 floor_y)
{
    s16 slope = cell_slope(cell);
    s16 sin = slope > 0 ? slope_sin[slope] : -slope_sin[-slope];

    player.y = (s32)(floor_y - player.radius) << 16;
    player.grounded = 1;
    player.slope = slope;
    player.surface = cell;
    player.ground_speed = (mul(player.x_speed, slope_cos[ABS(slope)]) - mul(player.y_speed, sin)) >> 8;
    player.jumped = player.thrown = 0;
    if (player.hurt) {
        player.hurt = 0;
        player.ground_speed = 0;
    }
    if (player.ball && !((pad_held & PAD_DOWN) && ABS(player.ground_speed) >= ROLL_START) &&
        player_has_room())
        player_ball(0);
}

/* Returns whether the floor under x stops a body whose feet move from before to feet. */
static u16 stops(u8 cell, s16 floor_y, s16 before, s16 feet)
{
    s16 slope = cell_slope(cell);

    if (floor_y == NO_FLOOR || floor_y > feet)
        return 0;
    if (cell_is_oneway(cell))
        return player.y_speed >= 0 && before <= floor_y + 1;
    if (floor_y < before - 10)
        return 0;
    if (!slope)
        return player.y_speed >= 0;
    if (slope > 0)
        return mul(player.x_speed, slope_sin[slope]) + mul(player.y_speed, slope_cos[slope]) > 0;
    return -mul(player.x_speed, slope_sin[-slope]) + mul(player.y_speed, slope_cos[-slope]) > 0;
}

static void landing_test(s16 before)
{
    static const s16 feet_x[3] = {0, -8, 8};
    s16 feet = player_y() + player.radius;
    u16 i;

    for (i = 0; i < 3; i++) {
        u8 cell = 0;
        s16 y = floor_at(player_x() + feet_x[i], feet, &cell);
        if (i && cell_slope(cell))
            continue;
        if (stops(cell, y, before, feet)) {
            land(cell, y);
            return;
        }
    }
}

static void air_step(s16 dx, s16 dy)
{
    s16 before = player_y() + player.radius;

    player.x += (s32)dx << 8;
    if (dx && wall_test(dx))
        player.x_speed = 0;
    player.y += (s32)dy << 8;
    if (player.y_speed < 0)
        ceiling_test();
    landing_test(before);
}

void air_move(void)
{
    s16 dx = player.x_speed, dy = player.y_speed;
    s16 far = ABS(dx) > ABS(dy) ? ABS(dx) : ABS(dy);
    s16 half_x = dx >> 1, half_y = dy >> 1;

    if (far <= 1792) {
        air_step(dx, dy);
        return;
    }
    air_step(half_x, half_y);
    if (player.grounded)
        return;
    if (!player.x_speed)
        half_x = dx;
    air_step(dx - half_x, player.y_speed ? dy - half_y : 0);
}
