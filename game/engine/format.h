/* The numbers that engine, art and levels share. game/format.py defines the same; a test compares them. */
#ifndef FORMAT_H
#define FORMAT_H

#include "types.h"

#define FORMAT_VERSION 1
#define PACK_MAGIC 0x50474450
#define RAM_MAGIC 0x50474431

enum cell {
    CELL_EMPTY = 0, CELL_SOLID = 1,
    CELL_S45_UP = 16, CELL_S45_DOWN = 17, CELL_S45_UP_FILL = 18, CELL_S45_DOWN_FILL = 19,
    CELL_S22_UP0 = 20, CELL_S22_UP1 = 21, CELL_S22_DOWN0 = 22, CELL_S22_DOWN1 = 23,
    CELL_S14_UP0 = 24, CELL_S14_DOWN0 = 28,
    CELL_HALF_FLOOR = 32, CELL_HALF_CEIL = 33, CELL_C45_LEFT = 34, CELL_C45_RIGHT = 35,
    CELL_ONEWAY = 36, CELL_ONEWAY_L = 37, CELL_ONEWAY_R = 38, CELL_BRIDGE = 39,
    CELL_ICE = 40, CELL_ICE_B = 41, CELL_CONVEYOR_R = 42, CELL_CONVEYOR_L = 43,
    CELL_SPIKE_UP = 44, CELL_SPIKE_DOWN = 45, CELL_SPIKE_LEFT = 46, CELL_SPIKE_RIGHT = 47,
    CELL_BREAKABLE = 48, CELL_CRUMBLE = 49, CELL_HAZARD = 50, CELL_HAZARD_FILL = 51,
    CELL_BARRIER = 52, CELL_BACK = 53, CELL_BACK_B = 54, CELL_WATER_TOP = 55,
    CELL_ICE_S45_UP = 56, CELL_ICE_S45_DOWN = 57, CELL_BARRIER_ONEWAY = 58,
    CELL_S22_UP0_FILL = 59, CELL_HALF_FLOOR_FILL = 71
};

enum kind {
    KIND_SPRING_UP = 1, KIND_SPRING_RIGHT, KIND_SPRING_LEFT, KIND_SPRING_UPRIGHT,
    KIND_SPRING_UPLEFT, KIND_PLATFORM_H, KIND_PLATFORM_V, KIND_PLATFORM_FALL, KIND_PATROLLER,
    KIND_FLYER, KIND_SHOOTER, KIND_HOPPER, KIND_LOOP, KIND_AIR
};

/* Tiles in video memory. */
#define TILE_FOREGROUND 1
#define TILE_BACKGROUND 640
#define TILE_ZONE_SPRITES 1024
#define TILE_SHARED_SPRITES 1152
#define TILE_FONT 1360
#define TILE_LABELS 1400
#define TILE_PLAYER 1440

/* Offsets inside the sprites' tiles, in the order of format.ZONE_SPRITES and SHARED_SPRITES. */
#define SPRITE_PATROLLER (TILE_ZONE_SPRITES + 0)
#define SPRITE_FLYER (TILE_ZONE_SPRITES + 18)
#define SPRITE_SHOOTER (TILE_ZONE_SPRITES + 42)
#define SPRITE_HOPPER (TILE_ZONE_SPRITES + 60)
#define SPRITE_SHOT (TILE_ZONE_SPRITES + 78)
#define SPRITE_PLATFORM (TILE_ZONE_SPRITES + 80)
#define SPRITE_DEBRIS (TILE_ZONE_SPRITES + 92)
#define ZONE_SPRITE_TILES 94
#define SPRITE_RING (TILE_SHARED_SPRITES + 0)
#define SPRITE_SPARKLE (TILE_SHARED_SPRITES + 16)
#define SPRITE_SPRING_UP (TILE_SHARED_SPRITES + 24)
#define SPRITE_SPRING_SIDE (TILE_SHARED_SPRITES + 40)
#define SPRITE_SPRING_DIAG (TILE_SHARED_SPRITES + 56)
#define SPRITE_POST (TILE_SHARED_SPRITES + 88)
#define SPRITE_POLE (TILE_SHARED_SPRITES + 136)
#define SPRITE_BUBBLE (TILE_SHARED_SPRITES + 138)
#define SPRITE_AIR (TILE_SHARED_SPRITES + 139)
#define SPRITE_VENT (TILE_SHARED_SPRITES + 155)
#define SPRITE_PUFF (TILE_SHARED_SPRITES + 159)
#define SPRITE_DUST (TILE_SHARED_SPRITES + 186)
#define SPRITE_LIFE (TILE_SHARED_SPRITES + 194)
#define SHARED_SPRITE_TILES 198
#define FONT_TILES 39
#define GLYPH_COLON 10
#define GLYPH_A 11
#define PLAYER_FRAME_BYTES 800

/* First frame of each of the player's animations, in the order of format.PLAYER_FRAMES. */
enum player_frame {
    FRAME_STAND = 0, FRAME_WALK = 2, FRAME_RUN = 8, FRAME_RUN45 = 12, FRAME_RUN90 = 16,
    FRAME_RUN135 = 20, FRAME_ROLL = 24, FRAME_SKID = 28, FRAME_CROUCH = 29, FRAME_DASH = 30,
    FRAME_RISE = 32, FRAME_FALL = 33, FRAME_HURT = 34, FRAME_DEAD = 35, FRAME_WIN = 36
};

/* What rom.py packs behind the engine. */
struct packed_object {
    u8 kind, arg, arg2, unused;
    s16 x, y;
};

struct packed_ring {
    s16 x, y;
};

struct packed_level {
    u8 zone, act;
    u16 columns, rows;
    s16 start_x, start_y, end_x, end_y;
    s16 water_y; /* 0x7FFF: none */
    u16 time_limit, objects_count, rings_count, unused;
    const u8 *cells;
    const struct packed_object *objects;
    const struct packed_ring *rings;
    u32 reserved;
};

struct packed_band {
    u16 row, speed;
    s16 drift;
    u16 unused;
};

struct packed_cycle {
    u8 line, first, count, frames;
};

struct packed_zone {
    u16 foreground_tiles, background_tiles, bands_count, cycles_count;
    const u16 *foreground, *background, *sprites;
    const u16 *cells; /* 256 x 4 plane words */
    const u16 *background_map; /* 32 rows x 64 columns */
    const u16 *palettes; /* 64 colours */
    const u16 *water_palettes; /* 64 colours, or null */
    const struct packed_band *bands;
    const struct packed_cycle *cycles;
};

struct packed_shared {
    const u16 *sprites, *font, *player;
    u16 player_frames, unused;
};

struct pack_table {
    u32 magic;
    u16 version, levels_count;
    const struct packed_level *levels;
    u16 zones_count, unused;
    const struct packed_zone *zones;
    const struct packed_shared *shared;
    u32 build_id;
};

extern const struct pack_table pack;

#endif
