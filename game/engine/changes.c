/* Cells that change during play: broken walls, crumbling floors. */
#include "state.h"
#include "video.h"

#define CRUMBLES 24

struct crumble {
    u16 column, row, timer;
};

static struct crumble crumbles[CRUMBLES];

void changes_start(void)
{
    memset(crumbles, 0, sizeof crumbles);
}

void cell_set(s16 column, s16 row, u8 cell)
{
    cells[row_offset[row] + (u16)column] = cell;
    video_cell(column, row);
}

/* The whole vertical run of breakable cells through this point. */
void wall_break(s16 x, s16 y)
{
    s16 column = x >> 4, row = y >> 4;
    s16 push = player.x_speed >> 1;
    u16 pieces = 0;

    while (cell_at(x, (row - 1) << 4) == CELL_BREAKABLE)
        row--;
    while (cell_at(x, row << 4) == CELL_BREAKABLE) {
        cell_set(column, row, CELL_EMPTY);
        if (pieces < 8) {
            effect_add(EFFECT_DEBRIS, (column << 4) + 4, (row << 4) + 4, push, -700);
            effect_add(EFFECT_DEBRIS, (column << 4) + 12, (row << 4) + 12, push + 200, -400);
            pieces += 2;
        }
        row++;
    }
    block.score += 50;
    sound_play(SOUND_BREAK);
}

void crumble_step(s16 x, s16 y)
{
    struct crumble *crumble = crumbles;
    struct crumble *free = 0;
    u16 column = x >> 4, row = y >> 4;
    u16 i;

    if (cell_at(x, y) != CELL_CRUMBLE)
        return;
    for (i = 0; i < CRUMBLES; i++, crumble++) {
        if (!crumble->timer)
            free = crumble;
        else if (crumble->column == column && crumble->row == row)
            return;
    }
    if (!free)
        return;
    free->column = column;
    free->row = row;
    free->timer = 1;
}

static void come_back(struct crumble *crumble)
{
    s16 dx = player_x() - ((crumble->column << 4) + 8);
    s16 dy = player_y() - ((crumble->row << 4) + 8);

    if (dx > -32 && dx < 32 && dy > -40 && dy < 40) {
        crumble->timer--; /* not while the player stands in its place */
        return;
    }
    cell_set(crumble->column, crumble->row, CELL_CRUMBLE);
    crumble->timer = 0;
}

void changes_update(void)
{
    struct crumble *crumble = crumbles;
    u16 i;

    for (i = 0; i < CRUMBLES; i++, crumble++) {
        if (!crumble->timer)
            continue;
        crumble->timer++;
        if (crumble->timer == CRUMBLE_FRAMES) {
            s16 x = (crumble->column << 4) + 8, y = (crumble->row << 4) + 8;
            cell_set(crumble->column, crumble->row, CELL_EMPTY);
            effect_add(EFFECT_DEBRIS, x - 4, y, -64, 0);
            effect_add(EFFECT_DEBRIS, x + 4, y, 64, 100);
        } else if (crumble->timer >= RETURN_FRAMES) {
            come_back(crumble);
        }
    }
}
