/* Enemies that walk, fly, hop and shoot, and their shots. */
#include "state.h"
#include "video.h"

#define SHOTS 6
#define SHOT_SPEED 512
#define SHOT_FRAMES 80
#define HOP_SPEED 1100

struct shot {
    s32 x;
    s16 y, speed;
    u16 timer;
};

static struct shot shots[SHOTS];

void shots_start(void)
{
    memset(shots, 0, sizeof shots);
}

void shot_fire(s16 x, s16 y, s16 speed)
{
    struct shot *shot = shots;
    u16 i;

    for (i = 0; i < SHOTS; i++, shot++) {
        if (shot->timer)
            continue;
        shot->x = (s32)x << 16;
        shot->y = y;
        shot->speed = speed;
        shot->timer = SHOT_FRAMES;
        return;
    }
}

void shots_update(void)
{
    struct shot *shot = shots;
    u16 i;

    for (i = 0; i < SHOTS; i++, shot++) {
        s16 x;
        if (!shot->timer)
            continue;
        shot->timer--;
        shot->x += (s32)shot->speed << 8;
        x = shot->x >> 16;
        if (solid_at(x, shot->y))
            shot->timer = 0;
        else if (touches(x, shot->y, 3, 3))
            player_hurt(x);
        sprite_add(x - 4, shot->y - 4, SIZE(1, 1),
                   PALETTE(3) | (SPRITE_SHOT + ((shot->timer >> 2) & 1)));
    }
}

static s16 move(struct object *object)
{
    s16 step;

    object->fraction_x += object->speed_x;
    step = object->fraction_x >> 8;
    object->fraction_x &= 0xFF;
    object->x += step;
    return step;
}

static void turn_at_range(struct object *object)
{
    s16 range = object->arg << 3;

    if (object->x <= object->home_x - range)
        object->speed_x = ABS(object->speed_x);
    else if (object->x >= object->home_x + range)
        object->speed_x = -ABS(object->speed_x);
}

static void fly(struct object *object)
{
    object->timer += 2;
    move(object);
    turn_at_range(object);
    object->y = object->home_y + (mul((s16)(object->arg2 << 2), sine((u8)object->timer)) >> 8);
}

static void hop(struct object *object)
{
    if (object->y >= object->home_y && object->speed_y >= 0) {
        object->y = object->home_y;
        turn_at_range(object);
        if (++object->timer < 40)
            return;
        object->timer = 0;
        object->speed_y = -HOP_SPEED;
    }
    if (object->arg)
        move(object);
    object->speed_y += GRAVITY;
    object->y += object->speed_y >> 8;
}

static void shoot(struct object *object)
{
    u16 period = object->arg2 ? object->arg2 << 2 : 120;
    s16 side = player_x() < object->x ? -1 : 1;

    if (object->arg < 2)
        side = object->arg ? 1 : -1;
    object->speed_x = side;
    if (++object->timer < period)
        return;
    object->timer = 0;
    if ((u16)(object->x - camera.x + 16) < 352)
        shot_fire(object->x + 12 * side, object->y - 12, side > 0 ? SHOT_SPEED : -SHOT_SPEED);
}

static void bounce(void)
{
    if (player.grounded)
        return;
    if (player.y_speed > 0)
        player.y_speed = player.y_speed > 1400 ? -1400 : -player.y_speed;
    else
        player.y_speed += 256;
}

static void meet(struct object *object, s16 centre)
{
    if (!touches(object->x, centre, 9, 9))
        return;
    if (!player.ball && !player.charge) {
        player_hurt(object->x);
        return;
    }
    bounce();
    block.score += 100;
    sound_play(SOUND_POP);
    effect_add(EFFECT_PUFF, object->x, centre, 0, 0);
    object_destroy(object);
}

void enemy_update(struct object *object)
{
    switch (object->kind) {
    case KIND_PATROLLER:
        move(object);
        turn_at_range(object);
        object->timer++;
        break;
    case KIND_FLYER:
        fly(object);
        meet(object, object->y);
        return;
    case KIND_SHOOTER:
        shoot(object);
        break;
    default:
        hop(object);
    }
    meet(object, object->y - 12);
}

void enemy_draw(const struct object *object)
{
    u16 tile = SPRITE_PATROLLER + 9 * ((object->timer >> 3) & 1);
    u16 flip = PALETTE(3) | (object->speed_x > 0 ? HFLIP : 0);

    if (object->kind == KIND_FLYER) {
        tile = SPRITE_FLYER + ((object->timer >> 3) & 1 ? 12 : 0);
        sprite_add(object->x - 16, object->y - 12, SIZE(4, 3), flip | tile);
        return;
    }
    if (object->kind == KIND_SHOOTER)
        tile = SPRITE_SHOOTER + (object->timer < 16 ? 9 : 0);
    else if (object->kind == KIND_HOPPER)
        tile = SPRITE_HOPPER + (object->y < object->home_y ? 9 : 0);
    sprite_add(object->x - 12, object->y - 24, SIZE(3, 3), flip | tile);
}
