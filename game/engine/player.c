/* The pangolin: code shared by ground, air and loop; hurt and death; its sprites. */
#include "state.h"
#include "video.h"

struct player player;

void player_start(s16 x, s16 floor_y)
{
    memset(&player, 0, sizeof player);
    player.radius = STAND_RADIUS;
    player.x = (s32)x << 16;
    player.y = (s32)(floor_y - STAND_RADIUS) << 16;
    player.grounded = 1;
    player.facing = 1;
    player.air = AIR_FRAMES;
    player.surface = CELL_SOLID;
}

/* Rolls up or stands up without moving the feet. */
void player_ball(u16 ball)
{
    s16 radius = ball ? BALL_RADIUS : STAND_RADIUS;

    player.y += (s32)(player.radius - radius) << 16;
    player.radius = radius;
    player.ball = ball;
}

/* Returns whether there is space to stand up. */
u16 player_has_room(void)
{
    s16 head = player_y() + player.radius - 2 * STAND_RADIUS;

    return !solid_at(player_x() - 6, head) && !solid_at(player_x() + 6, head);
}

void player_die(void)
{
    if (mode != MODE_PLAYING)
        return;
    mode = MODE_DYING;
    block.dead = 1;
    sound_play(SOUND_HURT);
    if (block.lives)
        block.lives--;
    player.grounded = player.loop = player.platform = 0;
    player.hurt = 2;
    player.x_speed = 0;
    player.y_speed = -1700;
}

/* Throws the player away from from_x and scatters the rings; without rings a life is lost. */
void player_hurt(s16 from_x)
{
    if (player.invincible || player.hurt || mode != MODE_PLAYING)
        return;
    if (!block.rings) {
        player_die();
        return;
    }
    rings_scatter();
    sound_play(SOUND_HURT);
    player.grounded = player.loop = player.platform = 0;
    player.jumped = player.charge = player.crouch = 0;
    if (player_has_room())
        player_ball(0);
    player.hurt = 1;
    player.x_speed = player_x() < from_x ? -512 : 512;
    player.y_speed = player.underwater ? -600 : -1024;
    player.invincible = INVINCIBLE_FRAMES;
}

static void water(void)
{
    u16 now = player_y() > level.water_y;

    if (now != player.underwater) {
        player.underwater = now;
        effect_add(EFFECT_DUST, player_x(), level.water_y - 8, 0, 0);
        if (now) {
            player.x_speed >>= 1;
            player.ground_speed >>= 1;
            player.y_speed >>= 1;
        } else if (!player.grounded && player.y_speed < 0 && player.y_speed > -1400) {
            player.y_speed += player.y_speed >> 1;
        }
    }
    if (!now) {
        player.air = AIR_FRAMES;
        return;
    }
    if (!(player.air & 31))
        effect_add(EFFECT_BUBBLE, player_x() + 4 * player.facing, player_y() - 8, 0, -192);
    if (player.air)
        player.air--;
    else
        player_die();
}

static void die_update(void)
{
    player.y_speed += GRAVITY;
    player.y += (s32)player.y_speed << 8;
    if (player_y() > camera.y + 300)
        player.y_speed = 0;
}

void player_update(void)
{
    if (mode == MODE_DYING) {
        die_update();
        return;
    }
    if (mode == MODE_WON) { /* the game ignores the pad and lets the player run on */
        pad_pressed = pad_held = 0;
        player.charge = 0;
    }
    if (player.invincible && !player.hurt)
        player.invincible--;
    water();
    if (mode == MODE_DYING)
        return;
    if (player.loop) {
        loop_move();
    } else if (player.grounded) {
        ground_input();
        if (player.grounded)
            ground_move();
        else
            air_move();
    } else {
        air_input();
        air_move();
    }
    if (player.lock)
        player.lock--;
    loop_update();
    if (player.grounded && !player.loop && mode == MODE_PLAYING)
        surface_effects();
    if (player_y() > level.height + 24)
        player_die();
}

static u16 phase(u16 speed)
{
    player.animation += speed;
    return player.animation >> 8;
}

/* Chooses a turn in steps of 45 degrees, counter-clockwise when facing right, and its frame. */
static u16 turned(u16 step, u16 *flip)
{
    static const u16 first[4] = {FRAME_RUN, FRAME_RUN45, FRAME_RUN90, FRAME_RUN135};
    u16 eighth;
    s16 angle = 0;

    if (player.loop)
        angle = player.loop_angle >> 8;
    else if (player.slope == 3 || player.slope == -3)
        angle = player.slope > 0 ? 32 : -32;
    if (player.facing < 0)
        angle = -angle;
    eighth = ((u16)(angle + 16) >> 5) & 7;
    if (eighth & 4)
        *flip ^= HFLIP | VFLIP;
    return first[eighth & 3] + (step & 3);
}

static u16 ground_frame(u16 *flip)
{
    s16 speed = ABS(player.ground_speed);

    if (player.charge)
        return FRAME_DASH + (phase(96) & 1);
    if (player.crouch)
        return FRAME_CROUCH;
    if (player.skid)
        return FRAME_SKID;
    if (player.loop || ((player.slope == 3 || player.slope == -3) && speed > 256))
        return turned(phase(40 + (speed >> 4)), flip);
    if (speed < 24) {
        player.idle++;
        return FRAME_STAND + ((player.idle & 127) > 120);
    }
    player.idle = 0;
    if (speed >= 1280)
        return FRAME_RUN + (phase(90) & 3);
    return FRAME_WALK + (u16)((phase(24 + (speed >> 4)) % 6u));
}

static u16 pick_frame(u16 *flip)
{
    if (player.hurt)
        return player.hurt == 2 ? FRAME_DEAD : FRAME_HURT;
    if (mode == MODE_WON && player.grounded && ABS(player.ground_speed) < 200)
        return FRAME_WIN + ((frame >> 4) & 1);
    if (player.ball && !player.charge) {
        s16 speed = player.grounded ? player.ground_speed : player.x_speed;
        return FRAME_ROLL + (phase(64 + (ABS(speed) >> 4)) & 3);
    }
    if (player.grounded || player.loop)
        return ground_frame(flip);
    if (player.thrown && player.y_speed < 0)
        return FRAME_RISE;
    return player.thrown ? FRAME_FALL : FRAME_WALK + (u16)(phase(48) % 6u);
}

/* 40x40 in four sprites: 32x32, 8x32, 32x8, 8x8. */
void player_draw(void)
{
    s16 x = player_x() - 20, y = player_y() - 20;
    u16 flip = player.facing < 0 ? HFLIP : 0;
    u16 index = pick_frame(&flip);
    s16 left = flip & HFLIP ? 8 : 0, right = flip & HFLIP ? 0 : 32;
    s16 top = flip & VFLIP ? 8 : 0, bottom = flip & VFLIP ? 0 : 32;
    u16 tile = TILE_PLAYER | flip;

    if (player.charge)
        y += STAND_RADIUS - BALL_RADIUS;
    video_player_frame(index);
    if (player.invincible && (frame & 4) && player.hurt != 2)
        return;
    sprite_add(x + left, y + top, SIZE(4, 4), tile);
    sprite_add(x + right, y + top, SIZE(1, 4), tile + 16);
    sprite_add(x + left, y + bottom, SIZE(4, 1), tile + 20);
    sprite_add(x + right, y + bottom, SIZE(1, 1), tile + 24);
}
