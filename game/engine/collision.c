/* Collision with the level's cells: floors by height profile, walls and ceilings by pixel. */
#include "state.h"

enum profile {
    NONE, FULL, UP45, DOWN45, UP22A, UP22B, DOWN22A, DOWN22B, UP14A, UP14B, UP14C, UP14D,
    DOWN14A, DOWN14B, DOWN14C, DOWN14D, HALF, PROFILES
};

#define ONEWAY 0x80 /* solid from above only */

static const u8 heights[PROFILES][16] = {
    [FULL] = {16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16},
    [UP45] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    [DOWN45] = {16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1},
    [UP22A] = {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8},
    [UP22B] = {9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16},
    [DOWN22A] = {16, 16, 15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 9, 9},
    [DOWN22B] = {8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1},
    [UP14A] = {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4},
    [UP14B] = {5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8},
    [UP14C] = {9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 12},
    [UP14D] = {13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 16},
    [DOWN14A] = {16, 16, 16, 16, 15, 15, 15, 15, 14, 14, 14, 14, 13, 13, 13, 13},
    [DOWN14B] = {12, 12, 12, 12, 11, 11, 11, 11, 10, 10, 10, 10, 9, 9, 9, 9},
    [DOWN14C] = {8, 8, 8, 8, 7, 7, 7, 7, 6, 6, 6, 6, 5, 5, 5, 5},
    [DOWN14D] = {4, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1},
    [HALF] = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8},
};

static const s8 profile_slope[PROFILES] = {
    [UP45] = 3, [DOWN45] = -3, [UP22A] = 2, [UP22B] = 2, [DOWN22A] = -2, [DOWN22B] = -2,
    [UP14A] = 1, [UP14B] = 1, [UP14C] = 1, [UP14D] = 1,
    [DOWN14A] = -1, [DOWN14B] = -1, [DOWN14C] = -1, [DOWN14D] = -1,
};

/* Floor profile of each cell id; ids that are not listed have no floor. */
static const u8 floors[256] = {
    [1 ... 15] = FULL,
    [CELL_S45_UP] = UP45, [CELL_S45_DOWN] = DOWN45,
    [CELL_S45_UP_FILL] = FULL, [CELL_S45_DOWN_FILL] = FULL,
    [20] = UP22A, [21] = UP22B, [22] = DOWN22A, [23] = DOWN22B,
    [24] = UP14A, [25] = UP14B, [26] = UP14C, [27] = UP14D,
    [28] = DOWN14A, [29] = DOWN14B, [30] = DOWN14C, [31] = DOWN14D,
    [CELL_HALF_FLOOR] = HALF,
    [CELL_ONEWAY ... CELL_BRIDGE] = FULL | ONEWAY,
    [CELL_ICE ... CELL_BREAKABLE] = FULL,
    [CELL_CRUMBLE] = FULL | ONEWAY,
    [CELL_HAZARD ... CELL_BARRIER] = FULL,
    [CELL_ICE_S45_UP] = UP45, [CELL_ICE_S45_DOWN] = DOWN45,
    [CELL_BARRIER_ONEWAY] = FULL | ONEWAY,
    [CELL_S22_UP0_FILL ... CELL_HALF_FLOOR_FILL] = FULL,
};

const s16 slope_cos[4] = {256, 248, 229, 181};
const s16 slope_sin[4] = {0, 62, 114, 181};

u8 cell_at(s16 x, s16 y)
{
    s16 row = y >> 4;

    if (x < 0 || x >= level.width)
        return CELL_BARRIER;
    if (row < 0 || (u16)row >= level.rows)
        return CELL_EMPTY;
    return cells[row_offset[row] + (u16)(x >> 4)];
}

s16 cell_slope(u8 cell)
{
    return profile_slope[floors[cell] & 0x7F];
}

u16 cell_is_oneway(u8 cell)
{
    return floors[cell] & ONEWAY;
}

static u16 ceiling_depth(u8 cell, u16 column)
{
    if (cell == CELL_HALF_CEIL)
        return 8;
    if (cell == CELL_C45_LEFT)
        return 16 - column;
    return cell == CELL_C45_RIGHT ? column + 1 : 0;
}

/* Whether a cell is solid for walls and ceilings; one-way cells are not. */
u16 solid_at(s16 x, s16 y)
{
    u8 cell = cell_at(x, y);
    u8 profile = floors[cell];
    u16 row = y & 15;

    if (profile == FULL)
        return 1;
    if (profile == NONE)
        return row < ceiling_depth(cell, x & 15);
    if (profile & ONEWAY)
        return 0;
    return 16 - row <= heights[profile][x & 15];
}

static u16 height_at(u8 cell, s16 x)
{
    return heights[floors[cell] & 0x7F][x & 15];
}

/* Finds the floor closest to y (in its cell, the one above or the one below), and its cell. */
s16 floor_at(s16 x, s16 y, u8 *found)
{
    s16 top = y & ~15;
    u8 cell = cell_at(x, y);
    u16 height = height_at(cell, x);

    if (height == 16) {
        u8 above = cell_at(x, top - 1);
        u16 more = height_at(above, x);
        *found = cell;
        if (!more || (floors[above] & ONEWAY))
            return top;
        *found = above;
        return top - more;
    }
    if (!height) {
        top += 16;
        cell = cell_at(x, top);
        height = height_at(cell, x);
        if (!height)
            return NO_FLOOR;
    }
    *found = cell;
    return top + 16 - height;
}
