/* Score, time, rings and lives as sprites in front of everything. */
#include "state.h"
#include "video.h"

/* Glyph numbers of SCORE, TIME, RINGS: A = 11. */
static const u8 labels[14] = {29, 13, 25, 28, 15, 30, 19, 23, 15, 28, 19, 24, 17, 29};

#define HUD_X 12
#define ROW_SCORE 8
#define ROW_TIME 20
#define ROW_RINGS 32
#define DIGITS_X (HUD_X + 48)

void hud_start(void)
{
    const u8 *font = (const u8 *)pack.shared->font;
    u16 i;

    for (i = 0; i < 14; i++)
        video_copy((TILE_LABELS + i) * 32, font + ((u16)labels[i] << 5), 32);
}

/* For 16-bit numbers, which the divide instruction can handle. */
static void small_digits(s16 x, s16 y, u16 value, u16 count)
{
    x += (count - 1) << 3;
    for (; count; count--, x -= 8) {
        u16 tenth = value / 10u;
        sprite_screen(x, y, SIZE(1, 1), PRIORITY | (TILE_FONT + value - tenth * 10));
        value = tenth;
    }
}

static void score(void)
{
    static u32 shown;
    static u16 high, low;

    if (shown != block.score) { /* long divisions are slow, so only when the score changed */
        shown = block.score;
        high = shown / 1000;
        low = shown % 1000;
    }
    small_digits(DIGITS_X, ROW_SCORE, high, 3);
    small_digits(DIGITS_X + 24, ROW_SCORE, low, 3);
}

static u16 drawn[4], sprites_used;

/* The sprites of the HUD come first in the list, so unchanged ones stay there. */
static u16 is_drawn(void)
{
    u16 now[4] = {block.score & 0xFFFF, level.time_frames, block.rings, block.lives};
    u16 i, same = frame != 0;

    for (i = 0; i < 4; i++) {
        same &= now[i] == drawn[i];
        drawn[i] = now[i];
    }
    return same;
}

void hud_draw(void)
{
    u16 minutes;

    if (is_drawn()) {
        sprites_keep(sprites_used);
        return;
    }
    minutes = level.time_frames / 60u;
    sprite_screen(HUD_X, ROW_SCORE, SIZE(4, 1), PRIORITY | TILE_LABELS);
    sprite_screen(HUD_X + 32, ROW_SCORE, SIZE(1, 1), PRIORITY | (TILE_LABELS + 4));
    score();
    sprite_screen(HUD_X, ROW_TIME, SIZE(4, 1), PRIORITY | (TILE_LABELS + 5));
    small_digits(DIGITS_X, ROW_TIME, minutes, 1);
    sprite_screen(DIGITS_X + 8, ROW_TIME, SIZE(1, 1), PRIORITY | (TILE_FONT + GLYPH_COLON));
    small_digits(DIGITS_X + 16, ROW_TIME, level.time_frames - minutes * 60, 2);
    sprite_screen(HUD_X, ROW_RINGS, SIZE(4, 1), PRIORITY | (TILE_LABELS + 9));
    sprite_screen(HUD_X + 32, ROW_RINGS, SIZE(1, 1), PRIORITY | (TILE_LABELS + 13));
    small_digits(DIGITS_X, ROW_RINGS, block.rings, 3);
    sprite_screen(HUD_X, 200, SIZE(2, 2), PRIORITY | SPRITE_LIFE);
    small_digits(HUD_X + 20, 204, block.lives, 1);
    sprites_used = sprites_now();
}
