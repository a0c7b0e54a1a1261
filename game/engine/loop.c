/* Loops: a circle that the feet run on, entered at its bottom, blocked on its inner right side. */
#include "state.h"

#define REACH 76
#define ANGLE_PER_SPEED 163 /* 65536 * 256 / (2 pi 64 * 256): angle for a whole pixel along the path */

static const struct packed_ring *near_loop(u16 *number)
{
    s16 x = player_x(), y = player_y();
    u16 i;

    for (i = 0; i < level.loops_count; i++) {
        s16 dx = x - level.loops[i].x, dy = y - level.loops[i].y;
        if (dx > -96 && dx < 96 && dy > -176 && dy < 32) {
            *number = i + 1;
            return level.loops + i;
        }
    }
    return 0;
}

static u8 path_angle(void)
{
    return (u8)(player.loop_angle >> 8);
}

static void place(const struct packed_ring *loop)
{
    s16 reach = LOOP_RADIUS - player.radius;
    u8 angle = path_angle();

    player.x = ((s32)loop->x << 16) + (mul(reach, sine(angle)) << 8);
    player.y = ((s32)(loop->y - LOOP_RADIUS) << 16) + (mul(reach, cosine(angle)) << 8);
}

static void enter(const struct packed_ring *loop, u16 number, s32 angle)
{
    player.loop = number;
    player.loop_angle = angle;
    player.grounded = 1;
    player.platform = player.slope = player.loop_inside = player.crouch = player.charge = 0;
    player.jumped = player.hurt = 0;
    place(loop);
}

static void let_go(void)
{
    u8 angle = path_angle();

    player.x_speed = mul(player.ground_speed, cosine(angle)) >> 8;
    player.y_speed = -(mul(player.ground_speed, sine(angle)) >> 8);
    player.grounded = 0;
    player.loop = 0;
    player.loop_inside = 1;
}

static void leave(const struct packed_ring *loop, s16 side)
{
    player.loop = 0;
    player.slope = 0;
    player.surface = CELL_SOLID;
    player.x = (s32)(loop->x + side) << 16;
    player.y = (s32)(loop->y - player.radius) << 16;
    player.loop_pass = side > 0;
}

static void loop_input(void)
{
    s16 speed = player.ground_speed;

    if (!player.ball && (pad_held & PAD_DOWN) && ABS(speed) >= ROLL_START)
        player_ball(1);
    /* Speed must come from outside: the pad only helps a slow player out of the lower part. */
    if (ABS(speed) < LOOP_PAD_SPEED && cosine(path_angle()) > 180) {
        if (pad_held & PAD_RIGHT)
            speed += RUN_ACCELERATION;
        else if (pad_held & PAD_LEFT)
            speed -= RUN_ACCELERATION;
    }
    if (speed)
        player.facing = speed < 0 ? -1 : 1;
    player.ground_speed = speed;
}

void loop_move(void)
{
    const struct packed_ring *loop = level.loops + player.loop - 1;
    s32 before = player.loop_angle;
    u8 angle = path_angle();

    if (pad_pressed & PAD_JUMP) {
        if (!player.ball)
            player_ball(1);
        let_go();
        player.x_speed -= mul(JUMP, sine(angle)) >> 8;
        player.y_speed -= mul(JUMP, cosine(angle)) >> 8;
        player.jumped = 1;
        sound_play(SOUND_JUMP);
        return;
    }
    loop_input();
    player.ground_speed -= mul(LOOP_GRAVITY, sine(angle)) >> 8;
    if (cosine(angle) < 0 && ABS(player.ground_speed) < LOOP_FALL_SPEED) {
        let_go();
        return;
    }
    player.loop_angle += mul(player.ground_speed, ANGLE_PER_SPEED) >> 8;
    place(loop);
    if (player.loop_angle >= 65536)
        leave(loop, 1);
    else if (before >= 0 && player.loop_angle < 0)
        leave(loop, -1);
    player.x_speed = mul(player.ground_speed, cosine(angle)) >> 8;
    player.y_speed = -(mul(player.ground_speed, sine(angle)) >> 8);
}

/* Returns the angle of a point from the centre, as the nearest of 64 directions. */
static s32 angle_of(s16 dx, s16 dy)
{
    s32 best = -0x7FFFFFFF;
    s16 found = 0, angle;

    for (angle = -64; angle <= 128; angle += 4) {
        s32 along = mul(dx, sine((u8)angle)) + mul(dy, cosine((u8)angle));
        if (along > best) {
            best = along;
            found = angle;
        }
    }
    return (s32)found << 8;
}

/* Catches a player who is in the air inside the ring, except at its upper left. */
static void ring_test(const struct packed_ring *loop, u16 number)
{
    s16 dx = player_x() - loop->x;
    s16 dy = player_y() - (loop->y - LOOP_RADIUS);
    s16 reach = LOOP_RADIUS - player.radius;
    s32 distance = mul(dx, dx) + mul(dy, dy);

    if (distance < mul(reach, reach)) {
        player.loop_inside = 1;
        return;
    }
    if (player.loop_inside && (dx > 0 || dy > 0)) {
        s32 angle = angle_of(dx, dy);
        u8 turn = (u8)(angle >> 8);
        player.ground_speed = (mul(player.x_speed, cosine(turn)) - mul(player.y_speed, sine(turn))) >> 8;
        enter(loop, number, angle);
        return;
    }
    player.loop_inside = 0;
    if (dx > 0 && distance > mul(LOOP_RADIUS + 12, LOOP_RADIUS + 12))
        player.loop_pass = 1;
}

void loop_update(void)
{
    u16 number = 0;
    const struct packed_ring *loop = near_loop(&number);
    s16 dx;

    if (player.loop)
        return;
    if (!loop) {
        player.loop_inside = player.loop_pass = 0;
        return;
    }
    dx = player_x() - loop->x;
    if (dx >= REACH || dx <= -REACH) {
        player.loop_pass = dx > 0;
        player.loop_inside = 0;
        return;
    }
    if (dx < 0)
        player.loop_pass = 0;
    if (player.loop_pass)
        return;
    if (!player.grounded)
        ring_test(loop, number);
    else if (dx >= 0 && !player.platform && player_y() + player.radius > loop->y - 8)
        enter(loop, number, (s32)dx * ANGLE_PER_SPEED);
}
