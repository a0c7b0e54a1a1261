/* Sound effects on the tone generator: each slides in pitch and fades. There is no music. */
#include "state.h"

#define TONE (*(volatile u8 *)0xC00011)
#define NOISE 3
#define SILENT 15

struct effect_sound {
    u8 channel, frames, volume, fade; /* fade: frames a step down */
    u16 divisor; /* 3,579,545 Hz / 32 / divisor; for noise its mode */
    s16 slide;
    u8 next, unused; /* the sound that follows */
};

static const struct effect_sound sounds[] = {
    [SOUND_JUMP] = {0, 14, 4, 3, 400, -16, 0, 0},
    [SOUND_RING] = {1, 5, 3, 8, 90, 0, SOUND_RING_END, 0},
    [SOUND_RING_END] = {1, 16, 3, 2, 67, 0, 0, 0},
    [SOUND_SPRING] = {0, 20, 2, 2, 600, -24, 0, 0},
    [SOUND_HURT] = {0, 24, 1, 3, 200, 24, 0, 0},
    [SOUND_POP] = {NOISE, 12, 2, 1, 4, 0, 0, 0},
    [SOUND_CHARGE] = {0, 10, 3, 2, 300, -14, 0, 0},
    [SOUND_DASH] = {NOISE, 24, 3, 2, 5, 0, 0, 0},
    [SOUND_BREAK] = {NOISE, 20, 1, 2, 6, 0, 0, 0},
    [SOUND_WIN] = {1, 10, 2, 10, 214, 0, SOUND_WIN_2, 0},
    [SOUND_WIN_2] = {1, 10, 2, 10, 170, 0, SOUND_WIN_3, 0},
    [SOUND_WIN_3] = {1, 40, 2, 3, 143, 0, 0, 0},
};

struct voice {
    const struct effect_sound *sound;
    u16 divisor, age;
};

static struct voice voices[4];

static void volume(u16 channel, u16 attenuation)
{
    TONE = 0x90 | (channel << 5) | (attenuation < SILENT ? attenuation : SILENT);
}

void sound_start(void)
{
    u16 channel;

    for (channel = 0; channel < 4; channel++) {
        voices[channel].sound = 0;
        volume(channel, SILENT);
    }
}

void sound_play(enum sound number)
{
    const struct effect_sound *sound = sounds + number;
    struct voice *voice = voices + sound->channel;

    voice->sound = sound;
    voice->divisor = sound->divisor;
    voice->age = 0;
    if (sound->channel == NOISE)
        TONE = 0xE0 | sound->divisor;
}

static void pitch(u16 channel, u16 divisor)
{
    TONE = 0x80 | (channel << 5) | (divisor & 15);
    TONE = (divisor >> 4) & 63;
}

void sound_update(void)
{
    struct voice *voice = voices;
    u16 channel;

    for (channel = 0; channel < 4; channel++, voice++) {
        const struct effect_sound *sound = voice->sound;
        if (!sound)
            continue;
        if (voice->age >= sound->frames) {
            voice->sound = 0;
            volume(channel, SILENT);
            if (sound->next)
                sound_play(sound->next);
            continue;
        }
        if (channel != NOISE)
            pitch(channel, voice->divisor);
        volume(channel, sound->volume + voice->age / sound->fade);
        voice->divisor += sound->slide;
        voice->age++;
    }
}
