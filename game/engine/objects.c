/* The level's objects: those near the camera are active, the others wait at their start. */
#include "state.h"
#include "video.h"

#define NEAR 160

enum { ASLEEP, AWAKE, GONE };

struct object objects[OBJECT_SLOTS];
static u8 status[256];
static u16 first, last; /* the part of the list near the camera */

void objects_start(void)
{
    memset(objects, 0, sizeof objects);
    memset(status, 0, sizeof status);
    first = last = 0;
}

static void wake(u16 index)
{
    const struct packed_object *from = level.packed->objects + index;
    struct object *object = objects;
    u16 i;

    if (status[index] != ASLEEP || from->kind == KIND_LOOP)
        return;
    for (i = 0; i < OBJECT_SLOTS; i++, object++) {
        if (object->kind)
            continue;
        memset(object, 0, sizeof *object);
        object->kind = from->kind;
        object->index = index;
        object->arg = from->arg;
        object->arg2 = from->arg2;
        object->x = object->home_x = from->x;
        object->y = object->home_y = from->y;
        object->speed_x = -128;
        status[index] = AWAKE;
        return;
    }
}

static void wake_near(void)
{
    const struct packed_object *list = level.packed->objects;
    u16 count = level.packed->objects_count;
    s16 left = camera.x - NEAR, right = camera.x + 320 + NEAR;

    while (last < count && list[last].x <= right)
        wake(last++);
    while (last > first && list[last - 1].x > right)
        last--;
    while (first > 0 && list[first - 1].x >= left)
        wake(--first);
    while (first < last && list[first].x < left)
        first++;
}

static u16 is_far(s16 x)
{
    return x < camera.x - NEAR - 16 || x > camera.x + 320 + NEAR + 16;
}

void object_destroy(struct object *object)
{
    status[object->index] = GONE;
    object->kind = 0;
}

static void air_update(struct object *object)
{
    if (++object->timer & 127)
        return;
    if (object->y > level.water_y)
        effect_add(EFFECT_AIR, object->x, object->y - 16, 0, -128);
}

static void update(struct object *object)
{
    switch (object->kind) {
    case KIND_SPRING_UP: case KIND_SPRING_RIGHT: case KIND_SPRING_LEFT:
    case KIND_SPRING_UPRIGHT: case KIND_SPRING_UPLEFT:
        spring_update(object);
        break;
    case KIND_PLATFORM_H: case KIND_PLATFORM_V: case KIND_PLATFORM_FALL:
        platform_update(object);
        break;
    case KIND_AIR:
        air_update(object);
        break;
    default:
        enemy_update(object);
    }
}

void objects_update(void)
{
    struct object *object = objects;
    u16 i;

    wake_near();
    for (i = 0; i < OBJECT_SLOTS; i++, object++) {
        if (!object->kind)
            continue;
        if (is_far(object->x) && is_far(object->home_x) && player.platform != i + 1) {
            status[object->index] = ASLEEP;
            object->kind = 0;
            continue;
        }
        update(object);
    }
}

static void draw_post(void)
{
    const struct packed_level *packed = level.packed;
    u16 turn = mode == MODE_WON && level.timer < 120 ? (level.timer >> 2) % 3u : 0;
    u16 tile;

    if (packed->end_x < camera.x - 32 || packed->end_x > camera.x + 352)
        return;
    if (mode == MODE_WON && level.timer >= 120)
        turn = 2;
    tile = SPRITE_POST + (turn << 4);
    sprite_add(packed->end_x - 16, packed->end_y - 48, SIZE(4, 4), tile);
    sprite_add(packed->end_x - 4, packed->end_y - 16, SIZE(1, 2), SPRITE_POLE);
}

void objects_draw(void)
{
    const struct object *object = objects;
    u16 i;

    draw_post();
    for (i = 0; i < OBJECT_SLOTS; i++, object++) {
        if (!object->kind || (u16)(object->x - camera.x + 32) > 384 ||
            (u16)(object->y - camera.y + 32) > 288)
            continue;
        if (object->kind <= KIND_SPRING_UPLEFT)
            spring_draw(object);
        else if (object->kind <= KIND_PLATFORM_FALL)
            platform_draw(object);
        else if (object->kind == KIND_AIR)
            sprite_add(object->x - 8, object->y - 16, SIZE(2, 2), SPRITE_VENT);
        else
            enemy_draw(object);
    }
}
