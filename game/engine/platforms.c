/* Moving and falling platforms: one-way floors that carry the player. */
#include "state.h"
#include "video.h"

#define HALF_WIDTH 24
#define FOOT 6
#define FALL_LIMIT 400

enum { RESTING, SHAKING, FALLING };

static void swing(struct object *object)
{
    u8 angle = (u8)(frame + object->arg2);
    s16 offset = mul((s16)(object->arg << 3), sine(angle)) >> 8;

    if (object->kind == KIND_PLATFORM_H)
        object->x = object->home_x + offset;
    else
        object->y = object->home_y + offset;
}

static void fall(struct object *object, u16 ridden)
{
    if (object->state == RESTING) {
        if (!ridden)
            return;
        object->state = SHAKING;
        object->timer = 0;
    }
    object->timer++;
    if (object->state == SHAKING && object->timer >= CRUMBLE_FRAMES)
        object->state = FALLING;
    if (object->state != FALLING)
        return;
    if (object->y < object->home_y + FALL_LIMIT) {
        object->speed_y += 40;
        if (object->speed_y > 2048)
            object->speed_y = 2048;
        object->y += object->speed_y >> 8;
    }
    if (object->timer >= RETURN_FRAMES && !ridden) {
        object->state = RESTING;
        object->y = object->home_y;
        object->speed_y = 0;
    }
}

static u16 over(const struct object *object)
{
    s16 dx = player_x() - object->x;

    return dx <= HALF_WIDTH + FOOT && dx >= -HALF_WIDTH - FOOT;
}

static void carry(struct object *object, s16 dx)
{
    u8 cell = 0;
    s16 feet, floor_y;

    if (!player.grounded || !over(object)) {
        if (player.grounded)
            player.grounded = player.jumped = 0;
        player.platform = 0;
        return;
    }
    player.x += (s32)dx << 16;
    if (dx)
        wall_test(dx);
    player.y = (s32)(object->y - player.radius) << 16;
    player.y_speed = 0;
    feet = object->y;
    floor_y = floor_at(player_x(), feet, &cell);
    if (floor_y < feet && floor_y >= feet - 12 && !cell_is_oneway(cell)) {
        player.platform = 0; /* the ground has reached the player through it */
        land(cell, floor_y);
    }
}

static void catch(struct object *object, u16 number)
{
    s16 feet = player_y() + player.radius;
    s16 rise = player.y_speed >> 8;

    if (player.grounded || player.loop || player.hurt == 2 || player.y_speed < 0 || !over(object))
        return;
    if (feet < object->y - 2 || feet > object->y + rise + 10)
        return;
    land(CELL_EMPTY, object->y);
    player.platform = number;
}

void platform_update(struct object *object)
{
    u16 number = object - objects + 1;
    u16 ridden = player.platform == number;
    s16 before = object->x;

    if (object->kind == KIND_PLATFORM_FALL)
        fall(object, ridden);
    else
        swing(object);
    if (ridden)
        carry(object, object->x - before);
    else
        catch(object, number);
}

void platform_draw(const struct object *object)
{
    s16 x = object->x - HALF_WIDTH;

    if (object->state == SHAKING)
        x += (frame & 2) - 1;
    sprite_add(x, object->y, SIZE(4, 2), PALETTE(3) | SPRITE_PLATFORM);
    sprite_add(x + 32, object->y, SIZE(2, 2), PALETTE(3) | (SPRITE_PLATFORM + 8));
}
