/* Short-lived sprites: sparkles, puffs, dust, debris, bubbles (a big bubble refills the air). */
#include "state.h"
#include "video.h"

#define EFFECTS 16

struct effect_state {
    s32 x, y;
    s16 speed_x, speed_y;
    u16 kind, timer;
};

static struct effect_state effects[EFFECTS];
static u16 next;

static const u8 lasts[7] = {0, 12, 18, 16, 50, 90, 255};

void effects_start(void)
{
    memset(effects, 0, sizeof effects);
    next = 0;
}

/* When all slots are used, the oldest one is replaced; big bubbles are replaced last. */
void effect_add(enum effect kind, s16 x, s16 y, s16 speed_x, s16 speed_y)
{
    struct effect_state *effect;
    u16 tries = 0;

    do {
        next = (next + 1) & (EFFECTS - 1);
        effect = effects + next;
    } while (effect->kind == EFFECT_AIR && ++tries < EFFECTS);
    effect->kind = kind;
    effect->x = (s32)x << 16;
    effect->y = (s32)y << 16;
    effect->speed_x = speed_x;
    effect->speed_y = speed_y;
    effect->timer = lasts[kind];
}

static void rise(struct effect_state *effect)
{
    s16 y = effect->y >> 16;

    if (y < level.water_y + 4) {
        effect->kind = EFFECT_NONE;
        return;
    }
    effect->x += mul(sine((u8)(effect->timer << 3)), 64);
    if (effect->kind != EFFECT_AIR || mode != MODE_PLAYING ||
        !touches(effect->x >> 16, y, 12, 12))
        return;
    effect->kind = EFFECT_NONE;
    player.air = AIR_FRAMES;
    player.x_speed = player.ground_speed = 0;
    if (!player.grounded)
        player.y_speed = 0;
}

void effects_update(void)
{
    struct effect_state *effect = effects;
    u16 i;

    for (i = 0; i < EFFECTS; i++, effect++) {
        if (!effect->kind)
            continue;
        effect->x += (s32)effect->speed_x << 8;
        effect->y += (s32)effect->speed_y << 8;
        if (effect->kind == EFFECT_DEBRIS)
            effect->speed_y += GRAVITY;
        if (effect->kind >= EFFECT_BUBBLE)
            rise(effect);
        if (!--effect->timer)
            effect->kind = EFFECT_NONE;
    }
}

static void draw(const struct effect_state *effect)
{
    s16 x = effect->x >> 16, y = effect->y >> 16;
    u16 age = lasts[effect->kind] - effect->timer;

    switch (effect->kind) {
    case EFFECT_SPARKLE:
        sprite_add(x - 8, y - 8, SIZE(2, 2), SPRITE_SPARKLE + (age < 6 ? 0 : 4));
        break;
    case EFFECT_PUFF:
        sprite_add(x - 12, y - 12, SIZE(3, 3), SPRITE_PUFF + (age < 6 ? 0 : age < 12 ? 9 : 18));
        break;
    case EFFECT_DUST:
        sprite_add(x - 8, y - 8, SIZE(2, 2), SPRITE_DUST + (age < 8 ? 0 : 4));
        break;
    case EFFECT_DEBRIS:
        sprite_add(x - 4, y - 4, SIZE(1, 1), PALETTE(3) | (SPRITE_DEBRIS + ((age >> 2) & 1)));
        break;
    case EFFECT_BUBBLE:
        sprite_add(x - 4, y - 4, SIZE(1, 1), SPRITE_BUBBLE);
        break;
    case EFFECT_AIR:
        sprite_add(x - 16, y - 16, SIZE(4, 4), SPRITE_AIR);
        break;
    }
}

void effects_draw(void)
{
    const struct effect_state *effect = effects;
    u16 i;

    for (i = 0; i < EFFECTS; i++, effect++)
        if (effect->kind)
            draw(effect);
}
