/* The pangolin on the ground: running, braking, slopes, rolling, the charged dash. */
#include "state.h"

static const s16 slope_run[4] = {0, 5, 10, 28};
static const s16 slope_roll_down[4] = {0, 14, 28, 64};
static const s16 slope_roll_up[4] = {0, 5, 9, 20};

static s16 toward_zero(s16 speed, s16 by)
{
    if (speed > by)
        return speed - by;
    return speed < -by ? speed + by : 0;
}

static s16 clamp_speed(s16 speed)
{
    return speed > SPEED_CAP ? SPEED_CAP : speed < -SPEED_CAP ? -SPEED_CAP : speed;
}

static u16 on_ice(void)
{
    return player.surface == CELL_ICE || player.surface == CELL_ICE_B ||
           player.surface == CELL_ICE_S45_UP || player.surface == CELL_ICE_S45_DOWN;
}

static void slope_force(void)
{
    s16 slope = ABS(player.slope);
    s16 speed = player.ground_speed;
    s16 force = slope_run[slope];

    if (player.ball)
        force = (speed > 0) == (player.slope > 0) ? slope_roll_up[slope] : slope_roll_down[slope];
    player.ground_speed += player.slope > 0 ? -force : force;
}

/* direction: 1 or -1. Brakes when the speed has the opposite sign. */
static void push(s16 direction, s16 acceleration, s16 brake, s16 top)
{
    s16 speed = direction > 0 ? player.ground_speed : -player.ground_speed;

    if (speed < 0) {
        player.skid = speed < -500;
        if (player.skid && !(frame & 7))
            effect_add(EFFECT_DUST, player_x(), player_y() + player.radius - 8, 0, 0);
        speed += brake;
    } else {
        player.facing = direction;
        if (speed < top) {
            speed += acceleration;
            if (speed > top)
                speed = top;
        }
    }
    player.ground_speed = direction > 0 ? speed : -speed;
}

static void run_input(void)
{
    u16 ice = on_ice();
    s16 acceleration = RUN_ACCELERATION, top = RUN_TOP;
    s16 brake = ice ? ICE_BRAKE : RUN_BRAKE;

    if (ice)
        acceleration = ICE_ACCELERATION;
    if (player.underwater) {
        acceleration = WATER_ACCELERATION;
        top = WATER_TOP_SPEED;
    }
    player.skid = 0;
    if (!player.lock && (pad_held & PAD_RIGHT))
        push(1, acceleration, brake, top);
    else if (!player.lock && (pad_held & PAD_LEFT))
        push(-1, acceleration, brake, top);
    else
        player.ground_speed = toward_zero(player.ground_speed, ice ? ICE_FRICTION : RUN_FRICTION);
}

static void roll_input(void)
{
    s16 speed = player.ground_speed;

    if (!player.lock && ((speed > 0 && (pad_held & PAD_LEFT)) || (speed < 0 && (pad_held & PAD_RIGHT))))
        speed = toward_zero(speed, ROLL_BRAKE);
    speed = toward_zero(speed, ROLL_FRICTION);
    player.ground_speed = speed;
    if (ABS(speed) >= ROLL_STOP || player.slope == 3 || player.slope == -3)
        return;
    if (player_has_room()) {
        player_ball(0);
    } else if (pad_held & PAD_RIGHT) { /* too low to stand: the ball moves on slowly */
        player.ground_speed = ROLL_STOP + 64;
        player.facing = 1;
    } else if (pad_held & PAD_LEFT) {
        player.ground_speed = -(ROLL_STOP + 64);
        player.facing = -1;
    }
}

static u16 charge_input(void)
{
    if (!player.charge) {
        if (!player.crouch || !(pad_pressed & PAD_JUMP))
            return 0;
        player.charge = 1;
        sound_play(SOUND_CHARGE);
        return 1;
    }
    if (pad_pressed & PAD_JUMP && player.charge < DASH_PRESSES)
        player.charge++, sound_play(SOUND_CHARGE);
    if (!(frame & 3))
        effect_add(EFFECT_DUST, player_x() - 14 * player.facing, player_y() + player.radius - 8,
                   -64 * player.facing, 0);
    if (pad_held & PAD_DOWN)
        return 1;
    player_ball(1);
    sound_play(SOUND_DASH);
    player.ground_speed = (DASH_BASE + DASH_STEP * (player.charge - 1)) * player.facing;
    player.charge = player.crouch = 0;
    return 0;
}

static void jump(void)
{
    s16 slope = ABS(player.slope);
    s16 cos = slope_cos[slope];
    s16 sin = player.slope > 0 ? slope_sin[slope] : -slope_sin[slope];
    s16 strength = player.underwater ? WATER_JUMP : JUMP;

    player.x_speed = (mul(player.ground_speed, cos) - mul(strength, sin)) >> 8;
    player.y_speed = (-mul(player.ground_speed, sin) - mul(strength, cos)) >> 8;
    player.grounded = player.platform = player.skid = 0;
    player.jumped = 1;
    sound_play(SOUND_JUMP);
    player.thrown = 0;
    if (!player.ball)
        player_ball(1);
}

void ground_input(void)
{
    player.crouch = !player.ball && !player.charge && (pad_held & PAD_DOWN) &&
                    ABS(player.ground_speed) < ROLL_START && ABS(player.slope) < 3;
    if (charge_input()) {
        player.ground_speed = 0;
        return;
    }
    if (pad_pressed & PAD_JUMP && !player.lock) {
        jump();
        return;
    }
    slope_force();
    if (!player.ball && (pad_held & PAD_DOWN) && ABS(player.ground_speed) >= ROLL_START)
        player_ball(1);
    if (player.ball)
        roll_input();
    else if (player.crouch)
        player.ground_speed = toward_zero(player.ground_speed, RUN_FRICTION);
    else
        run_input();
    player.ground_speed = clamp_speed(player.ground_speed);
}

static void leave_ground(void)
{
    player.grounded = 0;
    player.slope = 0;
    player.jumped = player.thrown = 0;
    player.charge = player.crouch = player.skid = 0;
}

/* Keeps the player on the floor under the centre, or on a flat edge under either foot. */
static void follow_floor(void)
{
    s16 x = player_x();
    s16 feet = player_y() + player.radius;
    s16 edge;
    u8 cell = 0;
    s16 y = floor_at(x, feet, &cell);
    s16 change = y - feet;

    if (y != NO_FLOOR && change >= -STEP_UP && change <= 14 &&
        !(change < -7 && cell_is_oneway(cell))) {
        player.y = (s32)(y - player.radius) << 16;
        player.surface = cell;
        player.slope = cell_slope(cell);
        return;
    }
    for (edge = -8; edge <= 8; edge += 16) {
        y = floor_at(x + edge, feet, &cell);
        change = y - feet;
        if (y != NO_FLOOR && change >= -4 && change <= 4 && !cell_slope(cell)) {
            player.y = (s32)(y - player.radius) << 16;
            player.surface = cell;
            player.slope = 0;
            return;
        }
    }
    leave_ground();
}

static void ground_step(s16 dx)
{
    player.x += (s32)dx << 8;
    if (!player.platform)
        follow_floor();
    if (dx && wall_test(dx))
        player.ground_speed = player.x_speed = 0;
}

void ground_move(void)
{
    s16 slope = ABS(player.slope);
    s16 dx = mul(player.ground_speed, slope_cos[slope]) >> 8;
    s16 dy = mul(player.ground_speed, slope_sin[slope]) >> 8;
    s16 half = dx >> 1;

    player.x_speed = dx;
    player.y_speed = player.slope > 0 ? -dy : dy;
    if (ABS(dx) <= 1792) {
        ground_step(dx);
        return;
    }
    ground_step(half); /* SPEED_CAP limits each half step to seven pixels */
    if (player.ground_speed && player.grounded)
        ground_step(dx - half);
}

/* Applies the effect of the floor: spikes, belts, crumbling. */
void surface_effects(void)
{
    s16 x = player_x(), feet = player_y() + player.radius;
    u16 surface = player.surface;

    if (player.platform)
        return;
    if (surface == CELL_SPIKE_UP || surface == CELL_HAZARD) {
        player_hurt(x + player.facing);
    } else if (surface == CELL_CONVEYOR_R || surface == CELL_CONVEYOR_L) {
        s16 by = surface == CELL_CONVEYOR_R ? CONVEYOR_SPEED : -CONVEYOR_SPEED;
        player.x += (s32)by << 8;
        wall_test(by);
    } else if (surface == CELL_CRUMBLE) {
        crumble_step(x - 8, feet);
        crumble_step(x, feet);
        crumble_step(x + 8, feet);
    }
}
