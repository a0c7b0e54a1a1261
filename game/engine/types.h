/* Short names for the sizes that the hardware and the RAM block require. */
#ifndef TYPES_H
#define TYPES_H

typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef signed short s16;
typedef unsigned int u32;
typedef signed int s32;

#define ABS(value) ((value) < 0 ? -(value) : (value))

/* 16x16 -> 32 products compile to one muls/mulu only when both sides are 16 bits wide. */
static inline s32 mul(s16 a, s16 b) { return (s32)a * b; }
static inline u32 umul(u16 a, u16 b) { return (u32)a * b; }

void *memcpy(void *to, const void *from, __SIZE_TYPE__ size);
void *memset(void *to, int value, __SIZE_TYPE__ size);

#endif
