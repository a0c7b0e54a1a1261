/* Plane A: the window of cells around the camera. New columns and rows are built while the frame
 * is drawn, and uploaded in the blank. */
#include "chip.h"

#define CELL_QUEUE 32

static u16 column_words[2][2][32]; /* two columns of cells, two plane columns each */
static s16 column_queue[2];
static u16 columns_count;
static u16 row_words[2][2][64];
static s16 row_queue[2];
static u16 rows_count;
static u16 cell_queue[CELL_QUEUE][2];
static u16 cells_count;

static void build_column(u16 (*words)[32], s16 column)
{
    const u16 *pictures = level.zone->cells;
    const u8 *from = cells + row_offset[camera.row] + (u16)column;
    u16 *left = words[0] + ((camera.row & 15) << 1);
    u16 *end = words[0] + 32;
    u16 rows = level.rows - camera.row;
    u16 i;

    for (i = 0; i < 16; i++) {
        const u16 *cell = pictures;
        if (i < rows)
            cell += (u16)*from << 2;
        from += level.columns;
        left[0] = cell[0];
        left[1] = cell[2];
        left[32] = cell[1];
        left[33] = cell[3];
        left += 2;
        if (left == end)
            left -= 32;
    }
}

static void build_row(u16 (*words)[64], s16 row)
{
    const u16 *pictures = level.zone->cells;
    const u8 *from = cells + row_offset[row] + (u16)camera.column;
    u32 *upper = (u32 *)words[0] + (camera.column & 31);
    u32 *end = (u32 *)words[0] + 32;
    u16 columns = level.columns - camera.column;
    u16 i;

    for (i = 0; i < 22; i++) {
        const u32 *cell = (const u32 *)pictures;
        if (i < columns)
            cell += (u16)*from << 1;
        from++;
        upper[0] = cell[0];
        upper[32] = cell[1];
        if (++upper == end)
            upper -= 32;
    }
}

/* Requires that camera.column and camera.row already belong to the new window. */
void video_column(s16 column)
{
    if (columns_count < 2 && column >= 0 && (u16)column < level.columns) {
        build_column(column_words[columns_count], column);
        column_queue[columns_count++] = column;
    }
}

void video_row(s16 row)
{
    if (rows_count < 2 && row >= 0 && (u16)row < level.rows) {
        build_row(row_words[rows_count], row);
        row_queue[rows_count++] = row;
    }
}

void video_cell(s16 column, s16 row)
{
    if (cells_count < CELL_QUEUE) {
        cell_queue[cells_count][0] = column;
        cell_queue[cells_count++][1] = row;
    }
}

static void send_column(u16 which)
{
    u16 address = VRAM_PLANE_A + ((column_queue[which] & 31) << 2);

    reg(15, 128);
    CONTROL_LONG = write_command(address);
    copy_to_port(column_words[which][0], 16);
    CONTROL_LONG = write_command(address + 2);
    copy_to_port(column_words[which][1], 16);
    reg(15, 2);
}

/* The buffer is in plane order; only the window's 22 cells are new, in one or two runs. */
static void send_row(u16 which)
{
    u16 base = VRAM_PLANE_A + ((row_queue[which] & 15) << 8);
    u16 first = camera.column & 31;
    u16 run = 32 - first < 22 ? 32 - first : 22;
    u16 half;

    for (half = 0; half < 2; half++) {
        const u16 *words = row_words[which][half];
        u16 address = base + (half << 7);
        CONTROL_LONG = write_command(address + (first << 2));
        copy_to_port(words + (first << 1), run);
        if (run < 22) {
            CONTROL_LONG = write_command(address);
            copy_to_port(words, 22 - run);
        }
    }
}

static void send_cell(u16 column, u16 row)
{
    u16 address = VRAM_PLANE_A + ((row & 15) << 8) + ((column & 31) << 2);
    const u16 *cell = level.zone->cells + ((u16)cells[row_offset[row] + column] << 2);

    if ((u16)(column - camera.column) >= 22 || (u16)(row - camera.row) >= 16)
        return;
    CONTROL_LONG = write_command(address);
    DATA_WORD = cell[0];
    DATA_WORD = cell[1];
    CONTROL_LONG = write_command(address + 128);
    DATA_WORD = cell[2];
    DATA_WORD = cell[3];
}

void planes_forget(void)
{
    columns_count = rows_count = cells_count = 0;
}

void planes_send(void)
{
    u16 i;

    for (i = 0; i < columns_count; i++)
        send_column(i);
    for (i = 0; i < rows_count; i++)
        send_row(i);
    for (i = 0; i < cells_count; i++)
        send_cell(cell_queue[i][0], cell_queue[i][1]);
    planes_forget();
}

/* Draws the whole window at once, with the display off. */
void video_draw_window(void)
{
    s16 column;

    for (column = camera.column; column < camera.column + 22; column++) {
        columns_count = 0;
        video_column(column);
        if (columns_count)
            send_column(0);
    }
    planes_forget();
}

void video_fill_planes(void)
{
    u16 i;

    reg(15, 2);
    CONTROL_LONG = write_command(VRAM_PLANE_A);
    for (i = 0; i < 2048; i++)
        DATA_WORD = 0;
    CONTROL_LONG = write_command(VRAM_SPRITES);
    for (i = 0; i < 320; i++)
        DATA_WORD = 0;
}

void video_text(u16 column, u16 row, const char *text)
{
    reg(15, 2);
    CONTROL_LONG = write_command(VRAM_PLANE_A + (row << 7) + (column << 1));
    for (; *text; text++) {
        u16 word = 0;
        if (*text >= '0' && *text <= '9')
            word = PRIORITY | (TILE_FONT + *text - '0');
        else if (*text >= 'A' && *text <= 'Z')
            word = PRIORITY | (TILE_FONT + GLYPH_A + *text - 'A');
        DATA_WORD = word;
    }
}
