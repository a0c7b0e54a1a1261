/* All variables in RAM, and the physics constants. */
#ifndef STATE_H
#define STATE_H

#include "format.h"

/* Speeds are 1/256 pixel a frame. */
#define RUN_ACCELERATION 14
#define RUN_BRAKE 112
#define RUN_FRICTION 14
#define RUN_TOP 1500
#define AIR_ACCELERATION 26
#define GRAVITY 58
#define FALL_CAP 3840
#define SPEED_CAP 3584
#define JUMP 1700
#define JUMP_CUT 900
#define ROLL_START 160
#define ROLL_STOP 128
#define ROLL_FRICTION 6
#define ROLL_BRAKE 32
#define DASH_BASE 2048
#define DASH_STEP 256
#define DASH_PRESSES 4
#define BREAK_SPEED 640
#define ICE_ACCELERATION 7
#define ICE_BRAKE 10
#define ICE_FRICTION 2
#define CONVEYOR_SPEED 384
#define WATER_ACCELERATION 7
#define WATER_TOP_SPEED 750
#define WATER_GRAVITY 20
#define WATER_JUMP 900
#define WATER_FALL_CAP 1024
#define AIR_FRAMES 1200
#define LOOP_RADIUS 64
#define LOOP_GRAVITY 24
#define LOOP_FALL_SPEED 400
#define LOOP_PAD_SPEED 512
#define INVINCIBLE_FRAMES 120
#define CRUMBLE_FRAMES 24
#define RETURN_FRAMES 300
#define SPRING_LOCK 20
#define STAND_RADIUS 15
#define BALL_RADIUS 11
#define WALL_REACH 10
#define STEP_UP 10
#define NO_FLOOR 0x7FFF

enum mode { MODE_TITLE, MODE_LOADING, MODE_PLAYING, MODE_DYING, MODE_WON };

/* The frozen block: its offsets are part of the integration (ram.RAM). */
struct block {
    u32 magic, frame;
    u16 x;
    s16 y, x_speed, y_speed, ground_speed;
    u16 level_end_x;
    u8 lives, zone, act, level;
    u16 rings;
    u32 score;
    u8 ready, dead, won, exception;
    u16 request, lag;
    u8 grounded, rolling, angle, charge, in_loop, on_platform, underwater, invincible;
    u16 air, camera_x;
    s16 camera_y;
    u16 level_width, level_height, lock, time, load, mode;
    u32 exception_pc, build_id;
};

struct player {
    s32 x, y; /* 16.16, the body's centre */
    s16 x_speed, y_speed, ground_speed;
    s16 radius; /* centre to feet */
    s16 slope; /* -3..3: 0 flat, 1 = 1:4, 2 = 1:2, 3 = 1:1, positive rises to the right */
    s16 facing; /* 1 right, -1 left */
    u16 surface; /* cell id under the feet, 0 on a platform */
    u16 lock, invincible, air, charge;
    u16 grounded, ball, jumped, hurt, crouch, skid, thrown, underwater;
    u16 platform; /* slot + 1, or 0 */
    u16 loop; /* 1 + index on a loop's path, or 0 */
    u16 loop_pass; /* the player passes in front of the near loop and is not caught by it */
    u16 loop_inside;
    s32 loop_angle; /* 65536 a turn, 0 at the bottom, grows to the right */
    u16 animation; /* 8.8 phase */
    u16 idle;
};

struct object {
    u8 kind, index; /* index in the level's list */
    u8 arg, arg2;
    s16 home_x, home_y, x, y;
    s16 speed_x, speed_y, fraction_x, fraction_y;
    u16 timer, state;
};

struct level_state {
    const struct packed_level *packed;
    const struct packed_zone *zone;
    u16 columns, rows;
    s16 width, height, water_y;
    u16 index, loops_count;
    struct packed_ring loops[16];
    u16 time_frames, timer;
    u16 post_spin;
};

struct camera {
    s16 x, y;
    s16 max_x, max_y;
    s16 column, row; /* of the drawn window */
};

#define OBJECT_SLOTS 24

extern volatile struct block block;
extern struct player player;
extern struct level_state level;
extern struct camera camera;
extern struct object objects[OBJECT_SLOTS];
extern u8 cells[49152];
extern u16 row_offset[66];
extern u16 pad_held, pad_pressed;
extern u16 frame; /* low half of block.frame */
extern u16 mode;

#define PAD_UP 1
#define PAD_DOWN 2
#define PAD_LEFT 4
#define PAD_RIGHT 8
#define PAD_B 16
#define PAD_C 32
#define PAD_A 64
#define PAD_START 128
#define PAD_JUMP (PAD_A | PAD_B | PAD_C)

/* collision.c */
extern const s16 slope_cos[4], slope_sin[4];
u8 cell_at(s16 x, s16 y);
s16 cell_slope(u8 cell);
u16 cell_is_oneway(u8 cell);
u16 solid_at(s16 x, s16 y);
s16 floor_at(s16 x, s16 y, u8 *found);

/* player.c, ground.c, air.c, loop.c */
void player_start(s16 x, s16 floor_y);
void player_update(void);
void player_ball(u16 ball);
void player_hurt(s16 from_x);
void player_die(void);
void player_draw(void);
u16 player_has_room(void);
/* The whole pixels: the upper word of a 16.16 number, which comes first on the console. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
static inline s16 player_x(void) { return *(const s16 *)&player.x; }
static inline s16 player_y(void) { return *(const s16 *)&player.y; }
#else
static inline s16 player_x(void) { return player.x >> 16; }
static inline s16 player_y(void) { return player.y >> 16; }
#endif
void ground_input(void);
void ground_move(void);
void air_input(void);
void air_move(void);
void land(u8 cell, s16 floor_y);
u16 wall_test(s16 direction);
void surface_effects(void);
void loop_update(void);
void loop_move(void);
s16 sine(u8 angle);
static inline s16 cosine(u8 angle) { return sine((u8)(angle + 64)); }

/* objects.c, springs.c, platforms.c, enemies.c, rings.c, effects.c, changes.c */
void objects_start(void);
void objects_update(void);
void objects_draw(void);
void object_destroy(struct object *object);
/* Returns whether the player's box touches a box of this half size around x, y. */
static inline u16 touches(s16 x, s16 y, s16 half_width, s16 half_height)
{
    half_width += 8;
    if ((u16)(player_x() - x + half_width) >= (u16)(half_width << 1))
        return 0;
    half_height += player.radius - 2;
    return (u16)(player_y() - y + half_height) < (u16)(half_height << 1);
}
void spring_update(struct object *object);
void spring_draw(const struct object *object);
void platform_update(struct object *object);
void platform_draw(const struct object *object);
void enemy_update(struct object *object);
void enemy_draw(const struct object *object);
void shots_start(void);
void shot_fire(s16 x, s16 y, s16 speed);
void shots_update(void);
void rings_start(void);
void rings_update(void);
void rings_draw(void);
void rings_scatter(void);
enum effect { EFFECT_NONE, EFFECT_SPARKLE, EFFECT_PUFF, EFFECT_DUST, EFFECT_DEBRIS, EFFECT_BUBBLE,
              EFFECT_AIR };
void effects_start(void);
void effect_add(enum effect kind, s16 x, s16 y, s16 speed_x, s16 speed_y);
void effects_update(void);
void effects_draw(void);
void changes_start(void);
void changes_update(void);
void cell_set(s16 column, s16 row, u8 cell);
void wall_break(s16 x, s16 y);
void crumble_step(s16 x, s16 y);

/* sound.c */
enum sound { SOUND_NONE, SOUND_JUMP, SOUND_RING, SOUND_RING_END, SOUND_SPRING, SOUND_HURT, SOUND_POP,
             SOUND_CHARGE, SOUND_DASH, SOUND_BREAK, SOUND_WIN, SOUND_WIN_2, SOUND_WIN_3 };
void sound_start(void);
void sound_play(enum sound number);
void sound_update(void);

/* camera.c, level.c, hud.c, input.c, title.c */
void camera_start(void);
void camera_update(void);
void level_load(u16 index, u16 keep_score);
void hud_start(void);
void hud_draw(void);
void input_start(void);
void input_read(void);
void title_start(void);
void title_update(void);

#endif
