| Vectors, header, start, interrupts, exceptions, and the few routines that C does badly.

        .section .vectors, "ax"
        .long   0x01000000              | stack
        .long   start
        .long   exception_2, exception_3, exception_4, exception_5, exception_6, exception_7
        .long   exception_8, exception_9, exception_10, exception_11
        .rept   12
        .long   exception_12
        .endr
        .long   exception_24
        .long   exception_12, exception_12, exception_12
        .long   horizontal              | level 4
        .long   exception_12
        .long   vertical                | level 6
        .long   exception_12
        .rept   32
        .long   exception_12
        .endr

        .ascii  "SEGA MEGA DRIVE "      | 0x100: demanded by the platform
        .ascii  "(C)PANG 2024.JAN"
        .ascii  "PANGOLIN DASH                                   "
        .ascii  "PANGOLIN DASH                                   "
        .ascii  "GM 00000000-00"
        .word   0                       | checksum, by rom.py
        .ascii  "J               "
        .long   0, 0x000FFFFF           | ROM; its end by rom.py
        .long   0x00FF0000, 0x00FFFFFF
        .space  64, 0x20
        .ascii  "JUE             "

        .globl  pack
pack:   .space  0x40                    | 0x200: the pack table, by rom.py

        .text
start:
        move.w  #0x2700, %sr
        move.b  0xA10001, %d0
        andi.b  #0x0F, %d0
        beq.s   1f
        move.l  #0x53454741, 0xA14000   | "SEGA": unlocks the video chip
1:      lea     0xFF0000, %a0
        moveq   #0, %d0
        move.w  #0x3FFF, %d1
2:      move.l  %d0, (%a0)+
        dbra    %d1, 2b
        lea     0x01000000, %sp
        move.w  #0x0100, 0xA11100       | hold the sound CPU for ever
        move.w  #0x0100, 0xA11200
        move.w  0xC00004, %d0
        jsr     main
3:      bra.s   3b

        .macro  exception number
exception_\number:
        move.w  #0x2700, %sr
        move.b  #\number, block+33
        bra     stopped
        .endm
        exception 2
        exception 3
        exception 4
        exception 5
        exception 6
        exception 7
        exception 8
        exception 9
        exception 10
        exception 11
        exception 12
        exception 24
stopped:
        move.l  2(%sp), block+64
4:      bra.s   4b

| One a frame, at the end of the picture.
vertical:
        addq.w  #1, blanks
        rte

| Phase 0: the picture's first line wakes the game up. Phase 1: the counter still held 0.
| Phase 2: the water line: all colours change.
horizontal:
        cmpi.w  #2, hint_phase
        beq.s   5f
        addq.w  #1, hint_phase
        cmpi.w  #1, hint_phase
        bne.s   6f
        move.w  hint_count, 0xC00004
6:      rte
5:      movem.l %d0/%a0-%a1, -(%sp)
        addq.w  #1, hint_phase
        move.w  #0x8AFF, 0xC00004
        move.w  #0x8F02, 0xC00004
        lea     palette_water, %a0
        lea     0xC00000, %a1
        move.l  #0xC0000000, 4(%a1)
        moveq   #7, %d0
7:      move.l  (%a0)+, (%a1)
        move.l  (%a0)+, (%a1)
        move.l  (%a0)+, (%a1)
        move.l  (%a0)+, (%a1)
        dbra    %d0, 7b
        movem.l (%sp)+, %d0/%a0-%a1
        rte

| void sleep_while(volatile u16 *variable, u16 value): until an interrupt changes the variable. The
| emulator skips these cycles. Interrupts are off between the test and the stop, so none is missed.
        .globl  sleep_while
sleep_while:
        movea.l 4(%sp), %a0
        move.w  10(%sp), %d0
22:     move.w  #0x2700, %sr
        cmp.w   (%a0), %d0
        bne.s   23f
        stop    #0x2300
        bra.s   22b
23:     move.w  #0x2300, %sr
        rts

        .globl  interrupts_on
interrupts_on:
        move.w  #0x2300, %sr
        rts

        .globl  interrupts_off
interrupts_off:
        move.w  #0x2700, %sr
        rts

| void copy_to_port(const u16 *from, u16 longs): to the data port
        .globl  copy_to_port
copy_to_port:
        movea.l 4(%sp), %a0
        move.w  10(%sp), %d0
        lea     0xC00000, %a1
        subq.w  #1, %d0
8:      move.l  (%a0)+, (%a1)
        dbra    %d0, 8b
        rts

| void fill_longs(u32 *to, u32 value, u16 longs)
        .globl  fill_longs
fill_longs:
        movea.l 4(%sp), %a0
        move.l  8(%sp), %d0
        move.w  14(%sp), %d1
        bra.s   10f
9:      move.l  %d0, (%a0)+
        move.l  %d0, (%a0)+
        move.l  %d0, (%a0)+
        move.l  %d0, (%a0)+
10:     subq.w  #4, %d1
        bcc.s   9b
        addq.w  #4, %d1
        bra.s   21f
20:     move.l  %d0, (%a0)+
21:     dbra    %d1, 20b
        rts

| void unpack(const u8 *from, u8 *to): 0 ends; 1-127 literals; 128-255: length - 125, distance (2 bytes)
        .globl  unpack
unpack:
        movem.l %d2/%a2, -(%sp)
        movea.l 12(%sp), %a0
        movea.l 16(%sp), %a1
        moveq   #0, %d0
11:     move.b  (%a0)+, %d0
        beq.s   15f
        bmi.s   13f
        subq.w  #1, %d0
12:     move.b  (%a0)+, (%a1)+
        dbra    %d0, 12b
        moveq   #0, %d0
        bra.s   11b
13:     andi.w  #0x7F, %d0
        addq.w  #2, %d0
        moveq   #0, %d1
        move.b  (%a0)+, %d1
        lsl.w   #8, %d1
        move.b  (%a0)+, %d1
        movea.l %a1, %a2
        suba.l  %d1, %a2
14:     move.b  (%a2)+, (%a1)+
        dbra    %d0, 14b
        moveq   #0, %d0
        bra.s   11b
15:     movem.l (%sp)+, %d2/%a2
        rts

        .globl  memcpy
memcpy:
        movea.l 4(%sp), %a1
        movea.l 8(%sp), %a0
        move.l  12(%sp), %d0
        move.l  %a1, %d1
        bra.s   17f
16:     move.b  (%a0)+, (%a1)+
17:     subq.l  #1, %d0
        bcc.s   16b
        move.l  %d1, %d0
        movea.l %d1, %a0
        rts

        .globl  memset
memset:
        movea.l 4(%sp), %a0
        move.l  8(%sp), %d1
        move.l  12(%sp), %d0
        bra.s   19f
18:     move.b  %d1, (%a0)+
19:     subq.l  #1, %d0
        bcc.s   18b
        movea.l 4(%sp), %a0
        move.l  %a0, %d0
        rts
