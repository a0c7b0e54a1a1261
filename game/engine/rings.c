/* Rings: the level's own, and those that scatter when the player is hurt. */
#include "state.h"
#include "video.h"

#define LOOSE 12
#define LOOSE_FRAMES 240
#define CATCH_AFTER 40

struct loose {
    s32 x, y;
    s16 speed_x, speed_y;
    u16 timer;
};

static u8 taken[512];
static u16 first;
static struct loose loose[LOOSE];

void rings_start(void)
{
    memset(taken, 0, sizeof taken);
    memset(loose, 0, sizeof loose);
    first = 0;
}

static void take(s16 x, s16 y)
{
    if (block.rings < 999)
        block.rings++;
    block.score += 10;
    sound_play(SOUND_RING);
    effect_add(EFFECT_SPARKLE, x, y, 0, 0);
}

static void seek(void)
{
    const struct packed_ring *list = level.packed->rings;
    u16 count = level.packed->rings_count;
    s16 left = camera.x - 16;

    while (first < count && list[first].x < left)
        first++;
    while (first > 0 && list[first - 1].x >= left)
        first--;
}

/* Collects the rings that the player touches. */
void rings_update(void)
{
    const struct packed_ring *list = level.packed->rings;
    u16 count = level.packed->rings_count;
    s16 x = player_x(), y = player_y();
    s16 high = player.radius + 6;
    u16 i;

    seek();
    if (mode == MODE_DYING)
        return;
    for (i = first; i < count && list[i].x < x + 16; i++) {
        s16 dx = list[i].x - x, dy = list[i].y - y;
        if (dx <= -16 || taken[i] || dy >= high || dy <= -high)
            continue;
        taken[i] = 1;
        take(list[i].x, list[i].y);
    }
}

static void bounce(struct loose *ring)
{
    s16 x = ring->x >> 16, y = ring->y >> 16;
    u8 cell = 0;
    s16 floor_y;

    if (ring->speed_y < 0 || ((ring->timer + (ring - loose)) & 3))
        return;
    floor_y = floor_at(x, y + 7, &cell);
    if (floor_y != NO_FLOOR && y + 7 >= floor_y) {
        ring->y = (s32)(floor_y - 7) << 16;
        ring->speed_y = -(ring->speed_y - (ring->speed_y >> 2));
    }
}

static void loose_update(struct loose *ring)
{
    s16 x, y;

    ring->timer--;
    ring->speed_y += 24;
    ring->x += (s32)ring->speed_x << 8;
    ring->y += (s32)ring->speed_y << 8;
    bounce(ring);
    x = ring->x >> 16;
    y = ring->y >> 16;
    if (ring->timer < LOOSE_FRAMES - CATCH_AFTER && mode == MODE_PLAYING && touches(x, y, 6, 6)) {
        ring->timer = 0;
        take(x, y);
        return;
    }
    if (ring->timer > 60 || (frame & 2))
        sprite_add(x - 8, y - 8, SIZE(2, 2), SPRITE_RING + ((frame & 12)));
}

void rings_draw(void)
{
    const struct packed_ring *list = level.packed->rings;
    u16 count = level.packed->rings_count;
    s16 right = camera.x + 328;
    s16 left, top;
    u16 tile = SPRITE_RING + ((frame >> 1) & 12);
    u16 i;

    for (i = 0; i < LOOSE; i++)
        if (loose[i].timer)
            loose_update(loose + i);
    left = camera.x + 8;
    top = camera.y + 8;
    for (i = first; i < count && list[i].x < right; i++)
        if (!taken[i])
            sprite_screen(list[i].x - left, list[i].y - top, SIZE(2, 2), tile);
}

void rings_scatter(void)
{
    u16 count = block.rings < LOOSE ? block.rings : LOOSE;
    u16 i;

    for (i = 0; i < count; i++) {
        u8 angle = 136 + (u8)(i * 10); /* a fan upwards */
        loose[i].x = player.x;
        loose[i].y = player.y;
        loose[i].speed_x = mul(cosine(angle), 3 + (i & 1));
        loose[i].speed_y = mul(sine(angle), 4 + (i & 1));
        loose[i].timer = LOOSE_FRAMES;
    }
    block.rings = 0;
}
