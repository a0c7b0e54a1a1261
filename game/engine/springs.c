/* Springs: up, sideways along the ground, and diagonal. */
#include "state.h"
#include "video.h"

#define SPRUNG_FRAMES 8

static const s16 up_speed[3] = {2560, 3072, 3584};
static const s16 side_speed[3] = {2048, 2560, 3072};
static const s16 diagonal_speed[3][2] = {{1792, 2304}, {2304, 2816}, {2560, 3328}};

static void throw(s16 speed_x, s16 speed_y)
{
    player.grounded = player.platform = player.loop = player.slope = 0;
    player.jumped = player.crouch = player.charge = player.skid = player.hurt = 0;
    player.thrown = 1;
    if (player.ball && player_has_room())
        player_ball(0);
    player.x_speed = speed_x;
    player.y_speed = speed_y;
}

static void push_along(s16 speed)
{
    player.x_speed = player.ground_speed = speed;
    player.facing = speed < 0 ? -1 : 1;
    player.lock = SPRING_LOCK;
    player.charge = player.crouch = player.skid = 0;
}

static u16 strength(const struct object *object)
{
    return object->arg < 3 ? object->arg : 2;
}

void spring_update(struct object *object)
{
    u16 power = strength(object);
    s16 sign = object->kind == KIND_SPRING_LEFT || object->kind == KIND_SPRING_UPLEFT ? -1 : 1;

    if (object->timer) {
        object->timer--;
        return;
    }
    if (player.loop)
        return;
    if (object->kind == KIND_SPRING_UP) {
        if (!touches(object->x, object->y - 8, 12, 8) || (!player.grounded && player.y_speed < 0))
            return;
        throw(player.x_speed, -up_speed[power]);
    } else if (object->kind <= KIND_SPRING_LEFT) {
        if (!touches(object->x, object->y - 16, 8, 16))
            return;
        push_along(sign * side_speed[power]);
    } else {
        if (!touches(object->x, object->y - 12, 12, 12) || (!player.grounded && player.y_speed < -512))
            return;
        throw(sign * diagonal_speed[power][0], -diagonal_speed[power][1]);
        player.facing = sign;
        player.lock = SPRING_LOCK;
    }
    object->timer = SPRUNG_FRAMES;
    sound_play(SOUND_SPRING);
}

void spring_draw(const struct object *object)
{
    u16 sprung = object->timer != 0;
    u16 flip = object->kind == KIND_SPRING_LEFT || object->kind == KIND_SPRING_UPLEFT ? HFLIP : 0;

    if (object->kind == KIND_SPRING_UP)
        sprite_add(object->x - 16, object->y - 16, SIZE(4, 2), SPRITE_SPRING_UP + (sprung << 3));
    else if (object->kind <= KIND_SPRING_LEFT)
        sprite_add(object->x - 8, object->y - 32, SIZE(2, 4),
                   flip | (SPRITE_SPRING_SIDE + (sprung << 3)));
    else
        sprite_add(object->x - 16, object->y - 32, SIZE(4, 4),
                   flip | (SPRITE_SPRING_DIAG + (sprung << 4)));
}
